// What a manual page, packed or rendered, may hold: sources from gzip, terminal text from mandoc.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "corpus/gzip.h"
#include "corpus/man_render.h"
#include "corpus/man_sections.h"
#include "corpus/overstrike.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan::corpus;  // NOLINT(google-build-using-namespace)
    const std::string_view given(reinterpret_cast<const char*>(data), size);
    constexpr std::size_t kUnpackedMax = 1U << 20;
    if (const auto unpacked = unpack_gzip(given, kUnpackedMax)) {
        CHECK(unpacked->size() <= kUnpackedMax, "the limit does not hold");
        CHECK(man_redirect_target(*unpacked).size() <= unpacked->size(), "a target is outside its page");
    }
    const std::string text = strip_overstrike(given);
    CHECK(text.size() <= given.size(), "stripping makes text longer");
    CHECK(text.find('\b') == std::string::npos, "a backspace is left");
    std::size_t parts = 0;
    for (const auto part : split_rendered(text, 8)) {
        parts += part.size();
    }
    CHECK(parts <= text.size(), "parts overlap");
    const auto page = without_man_frame(text);
    std::size_t whole = 0;
    for (const auto& section : man_sections(page)) {
        CHECK(section.body.size() <= section.whole.size(), "a body is larger than its section");
        whole += section.whole.size();
    }
    CHECK(whole == page.size(), "sections are not all of the page");
    CHECK(without_sections(page, {"NAME"}).size() <= page.size(), "text grew");
    for (const auto& name : man_name(page).names) {
        CHECK(!name.empty(), "a name is empty");
    }
    return 0;
}
