#pragma once

// Conditions, ranges and encodings that a request asks for (RFC 9110, sections 12 to 14).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace capstan::http {

// Whether If-None-Match lists this entity tag, or is "*". Compares weakly: W/"a" matches "a".
bool lists_tag(std::string_view if_none_match, std::string_view tag);

// "Sun, 06 Nov 1994 08:49:37 GMT", and back; the other two forms of old are not read.
std::string http_date(std::int64_t unix_s);
std::optional<std::int64_t> parse_http_date(std::string_view text);

// `bytes` bytes from `first` on.
struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;

    bool operator==(const ByteRange&) const = default;
};

enum class RangeAnswer { kWhole, kPart, kUnsatisfiable };

// Reads "bytes=0-99", "bytes=100-" or "bytes=-100" for a content of `size` bytes. Several ranges, other units
// and nonsense are answered with the whole, as the standard allows.
RangeAnswer read_range(std::string_view range, std::uint64_t size, ByteRange& out);

// Whether Accept-Encoding lists gzip or * without q=0.
bool accepts_gzip(std::string_view accept_encoding);

// Whether content of that type gets smaller by gzip: text, JSON, scripts, SVG, WebAssembly.
bool is_compressible(std::string_view content_type);

}  // namespace capstan::http
