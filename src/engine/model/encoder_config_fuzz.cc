// Any bytes as an encoder's config.json and as a pooling's: no crash, and an accepted shape keeps its
// promises.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/model/encoder_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto json = capstan::parse_json(text, 32);
    if (!json) {
        return 0;
    }
    static_cast<void>(capstan::engine::parse_pooling(*json));
    const auto config = capstan::engine::parse_encoder_config(*json);
    if (config) {
        CHECK(config->tokens_max >= 1, "a text may have a token");
        CHECK(
            config->position_offset + config->tokens_max <= config->shape.positions_max,
            "every token has a position"
        );
        CHECK(config->shape.heads * config->shape.head_dim == config->shape.hidden, "whole heads");
    }
    return 0;
}
