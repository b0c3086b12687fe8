#include "engine/scheduling/model_identity.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "engine/cache/kv_cache.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kTextBlocks = 4;

void add_computed(Model& model, Sha256& hash) {
    const std::int64_t tokens = std::min(
        kTextBlocks * kKvBlockTokens, model.config().positions_max / kKvBlockTokens * kKvBlockTokens
    );
    if (tokens == 0) {
        return;
    }
    const KvShape shape = model.kv_shape();
    auto cache = BlockKvCache::build(shape, kTextBlocks * shape.block_bytes());
    CHECK(cache, "a model's block has bytes");
    KvSequence kv = *(*cache)->reserve(tokens);
    std::vector<BatchRow> rows;
    for (std::int64_t position = 0; position < tokens; ++position) {
        rows.push_back({
            .token = static_cast<llm::TokenId>(position * model.config().vocabulary / tokens),
            .position = position,
            .kv = &kv,
            .adapter = nullptr,
            .wants_logits = position + 1 == tokens,
        });
    }
    const auto logits = std::as_bytes(model.forward(rows));
    hash.update({reinterpret_cast<const char*>(logits.data()), logits.size()});
    for (const std::byte* block : kv.blocks) {
        hash.update({reinterpret_cast<const char*>(block), static_cast<std::size_t>(shape.block_bytes())});
    }
    (*cache)->release(kv);
}

void add_files(const std::filesystem::path& files, Sha256& hash) {
    std::error_code error;
    std::set<std::filesystem::path> paths = {files};
    for (const auto& entry : std::filesystem::directory_iterator(files, error)) {
        paths.insert(entry.path());
    }
    for (const auto& path : paths) {
        if (std::filesystem::is_regular_file(path, error)) {
            const auto time = std::filesystem::last_write_time(path, error).time_since_epoch().count();
            const auto size = std::filesystem::file_size(path, error);
            hash.update(fmt::format("{}\n{}\n{}\n", path.filename().string(), size, time));
        }
    }
}

}  // namespace

Sha256Digest model_identity(Model& model, const std::filesystem::path& files) {
    Sha256 hash;
    add_computed(model, hash);
    add_files(files, hash);
    return hash.finish();
}

}  // namespace capstan::engine
