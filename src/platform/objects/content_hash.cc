#include "platform/objects/content_hash.h"

#include <algorithm>

namespace capstan::objects {

void ContentHash::update(std::string_view bytes) {
    whole_.update(bytes);
    chunks_.size_bytes += bytes.size();
    while (!bytes.empty()) {
        if (chunk_.empty() && bytes.size() >= kChunkBytes) {
            chunks_.sums.push_back(xxh3_64(bytes.substr(0, kChunkBytes)));
            bytes.remove_prefix(kChunkBytes);
            continue;
        }
        const std::size_t count = std::min<std::size_t>(kChunkBytes - chunk_.size(), bytes.size());
        chunk_ += bytes.substr(0, count);
        bytes.remove_prefix(count);
        if (chunk_.size() == kChunkBytes) {
            chunks_.sums.push_back(xxh3_64(chunk_));
            chunk_.clear();
        }
    }
}

ContentHash::Finished ContentHash::finish() {
    if (!chunk_.empty()) {
        chunks_.sums.push_back(xxh3_64(chunk_));
    }
    return {.id = to_hex(whole_.finish()), .chunks = std::move(chunks_)};
}

}  // namespace capstan::objects
