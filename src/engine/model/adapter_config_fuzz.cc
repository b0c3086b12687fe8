// Any bytes as adapter_config.json: no crash, and an accepted adapter weighs something finite.

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/model/adapter_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto settings =
        capstan::engine::parse_adapter_settings({reinterpret_cast<const char*>(data), size});
    if (settings) {
        CHECK(std::isfinite(settings->scale_of("model.layers.0.mlp.up_proj", 1)), "a finite scale");
    }
    return 0;
}
