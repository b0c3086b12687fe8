// Any bytes as config.json and generation_config.json: no crash, and an accepted shape keeps its promises.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto config = capstan::engine::parse_config(text);
    if (!config) {
        return 0;
    }
    CHECK(config->heads % config->kv_heads == 0, "heads in whole groups");
    CHECK(config->head_dim >= 2 && config->head_dim % 2 == 0, "rope turns pairs");
    if (!capstan::engine::merge_generation_config(text, *config)) {
        return 0;
    }
    for (const auto token : config->end_tokens) {
        CHECK(token >= 0 && token < config->vocabulary, "end tokens are tokens");
    }
    return 0;
}
