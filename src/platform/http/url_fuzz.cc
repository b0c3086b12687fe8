// Targets, queries and URLs: decoded paths never climb, and encoding is undone by decoding.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "platform/http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan::http;
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto target = parse_target(text)) {
        CHECK(target->path.starts_with('/') && !target->path.contains('\0'), "a path is absolute");
        CHECK(
            !(target->path + "/").contains("/../") && !(target->path + "/").contains("/./"),
            "a path does not climb"
        );
        std::string joined;
        for (const std::string& segment : target->segments) {
            joined += "/" + segment;
        }
        CHECK(joined == target->path, "the segments are the path");
    }
    if (const auto query = QueryParameters::parse(text)) {
        std::string again;
        for (const auto& [name, value] : *query) {
            again += percent_encode(name) + "=" + percent_encode(value) + "&";
        }
        const auto second = QueryParameters::parse(again);
        CHECK(
            second && std::equal(query->begin(), query->end(), second->begin(), second->end()),
            "there and back"
        );
        (void)query->get_int("n", 0);
    }
    if (!text.contains('\0')) {
        const auto decoded = percent_decode(percent_encode(text));
        CHECK(decoded && *decoded == text, "encoding is undone by decoding");
    }
    if (const auto url = parse_url(text)) {
        CHECK(!url->host.empty() && url->target.starts_with('/') && url->port > 0, "a URL has its parts");
        const bool is_one_line =
            std::ranges::none_of(url->target, [](char c) { return c == '\r' || c == '\n' || c == ' '; });
        CHECK(is_one_line, "a target fits in a request line");
    }
    return 0;
}
