// Any bytes have spans that are ordered, within the text and maskable; secrets leave no trace in what is
// masked.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "safety/pii.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto spans = capstan::safety::find_pii(text, {.score_min = 0.0});
    std::size_t end = 0;
    for (const auto& span : spans) {
        CHECK(span.begin >= end && span.begin < span.end && span.end <= text.size(), "spans overlap");
        CHECK(span.score >= 0.0 && span.score <= 1.0, "a score is out of range");
        end = span.end;
    }
    const auto masked = capstan::safety::mask(text, spans);
    std::uint64_t count = 0;
    for (const auto one : masked.counts) {
        count += one;
    }
    CHECK(count == spans.size(), "a span was not counted");
    CHECK(spans.empty() == (masked.text == text), "text without spans changed, or with spans did not");
    return 0;
}
