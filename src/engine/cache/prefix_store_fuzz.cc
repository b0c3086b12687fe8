// Any bytes as a file of blocks: no crash, and only blocks whose checksums fit are handed out. The file's own
// checksums are made to fit first, where its sizes allow, so that what is behind them is reached.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "engine/cache/prefix_store.h"

namespace {

using capstan::engine::PrefixStore;

constexpr std::int64_t kBlockBytes = 64;

PrefixStore::Options options() {
    return {
        .directory =
            std::filesystem::temp_directory_path() / ("prefix_store_fuzz_" + std::to_string(getpid())),
        .bytes_max = PrefixStore::kHeaderBytes + 8 * (PrefixStore::kRecordBytes + kBlockBytes),
        .block_bytes = kBlockBytes,
        .identity = {1, 2, 3},
    };
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto at = options().directory;
    (void)capstan::remove_tree(at);
    {
        const auto empty = PrefixStore::open(options());  // With a good header.
        CHECK(empty, empty.error().message);
    }
    const auto path = std::filesystem::directory_iterator(at)->path();
    std::string file = *capstan::read_file(path);
    const bool keeps_header = size > 0 && data[0] % 8 != 0;
    if (keeps_header) {
        file.resize(PrefixStore::kHeaderBytes);
    } else {
        file.clear();
    }
    file.append(reinterpret_cast<const char*>(data), size);
    // The record of each slot: its last four bytes are the checksum of those before.
    constexpr std::size_t kChecksumAt = 108;
    for (std::size_t slot = PrefixStore::kHeaderBytes; slot + kChecksumAt + 4 <= file.size();
         slot += PrefixStore::kRecordBytes + kBlockBytes) {
        const std::uint32_t checksum = capstan::crc32c(std::string_view(file).substr(slot, kChecksumAt));
        file.replace(slot + kChecksumAt, 4, reinterpret_cast<const char*>(&checksum), 4);
    }
    CHECK(capstan::replace_file(path, file), "the file is written");
    auto store = PrefixStore::open(options());
    if (!store) {
        return 0;
    }
    CHECK((*store)->blocks() <= (*store)->blocks_max(), "no more blocks than slots");
    std::array<capstan::llm::TokenId, capstan::engine::kKvBlockTokens> tokens = {};
    std::vector<std::byte> block(kBlockBytes);
    for (std::size_t slot = PrefixStore::kHeaderBytes; slot + 96 <= file.size();
         slot += PrefixStore::kRecordBytes + kBlockBytes) {
        capstan::engine::BlockKey key;
        std::memcpy(key.data(), file.data() + slot, key.size());
        std::memcpy(tokens.data(), file.data() + slot + key.size(), sizeof tokens);
        (void)(*store)->get(key, tokens, block);
    }
    for (int token = 0; token < 20; ++token) {
        tokens[0] = token;
        const auto key = capstan::engine::next_block_key((*store)->root(), tokens);
        (*store)->put(key, tokens, block);
        CHECK((*store)->get(key, tokens, block), "what was just put is there");
    }
    return 0;
}
