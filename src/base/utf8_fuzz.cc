// Fuzzes base/utf8.h: repairing gives well-formed text and changes nothing that was; a split stream loses
// nothing.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string repaired = capstan::to_utf8(text);
    CHECK(capstan::is_utf8(repaired), "repaired text is well-formed");
    CHECK(!capstan::is_utf8(text) || repaired == text, "well-formed text stays");
    const std::size_t tail = capstan::utf8_incomplete_tail(text);
    CHECK(tail <= 3 && tail <= size, "a tail is at most three bytes");
    for (std::size_t cut = 0; cut <= size; ++cut) {
        const std::string_view front = text.substr(0, cut);
        const std::size_t kept = cut - capstan::utf8_incomplete_tail(front);
        const std::string joined =
            capstan::to_utf8(text.substr(0, kept)) + capstan::to_utf8(text.substr(kept));
        CHECK(joined == repaired, "a stream cut before its incomplete tail repairs to the same text");
        cut += size / 64;  // A few cuts are enough for a long text.
    }
    return 0;
}
