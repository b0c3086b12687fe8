// Any JSON as a training specification or a config.json: refused, or within the limits.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "trainer/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto json = capstan::parse_json({reinterpret_cast<const char*>(data), size});
    if (!json) {
        return 0;
    }
    if (const auto spec = capstan::trainer::read_spec(*json)) {
        CHECK(capstan::trainer::check_shape(spec->model), "an accepted shape is good");
        CHECK(!spec->train.empty(), "an accepted specification has data");
    }
    if (const auto shape = capstan::trainer::read_model_config(*json)) {
        CHECK(capstan::trainer::parameter_count(*shape) > 0, "an accepted model has parameters");
    }
    return 0;
}
