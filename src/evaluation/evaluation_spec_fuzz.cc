// Any JSON as an evaluation's specification: refused with a reason, or within the limits.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "evaluation/evaluation_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto json = capstan::parse_json({reinterpret_cast<const char*>(data), size});
    if (!json) {
        return 0;
    }
    const auto spec = capstan::evaluation::evaluation_spec_from(*json);
    if (!spec) {
        CHECK(!spec.error().message.empty(), "a refusal has a reason");
        return 0;
    }
    CHECK(!spec->targets.empty(), "something is evaluated");
    CHECK(spec->threads >= 1 && spec->answer_tokens_max >= 1, "there is something to do it with");
    CHECK(std::isfinite(spec->gate.perplexity_ratio_max), "a gate has numbers");
    return 0;
}
