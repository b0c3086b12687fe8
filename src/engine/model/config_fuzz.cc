// Any bytes as config.json and generation_config.json: no crash, and an accepted shape keeps its promises.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/model/config.h"
#include "engine/model/rope.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto config = capstan::engine::parse_config(text);
    if (!config) {
        return 0;
    }
    CHECK(config->heads % config->kv_heads == 0, "heads in whole groups");
    CHECK(config->head_dim >= 2 && config->head_dim % 2 == 0, "rope turns pairs");
    CHECK(config->experts.used <= config->experts.count, "no more experts are used than there are");
    CHECK(std::ssize(config->plans) <= config->layers, "plans are of layers");
    const std::int64_t turned = config->rope.dimensions == 0 ? config->head_dim : config->rope.dimensions;
    CHECK(turned % 2 == 0 && turned <= config->head_dim, "pairs within a head turn");
    CHECK(
        std::ssize(capstan::engine::rope_frequencies(config->rope, config->head_dim)) == turned / 2,
        "each pair has a frequency"
    );
    if (!capstan::engine::merge_generation_config(text, *config)) {
        return 0;
    }
    for (const auto token : config->end_tokens) {
        CHECK(token >= 0 && token < config->vocabulary, "end tokens are tokens");
    }
    return 0;
}
