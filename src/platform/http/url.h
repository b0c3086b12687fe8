#pragma once

// URLs (RFC 3986): percent-encoding, query strings, and the parts of an absolute http(s) URL.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace capstan::http {

// kInvalid for a '%' without two hexadecimal digits and for a NUL, encoded or not. '+' stays '+'.
Result<std::string> percent_decode(std::string_view text);

// Everything but unreserved characters (letters, digits, "-._~") becomes %XX. For one path segment or one
// value.
std::string percent_encode(std::string_view text);

// The parameters of a query string, in order.
class QueryParameters {
public:
    static constexpr std::size_t kCountMax = 1000;

    // "a=1&b=x%20y&c": decoded ('+' is a space), without the leading '?'. kInvalid for a broken escape or
    // more than kCountMax parameters.
    static Result<QueryParameters> parse(std::string_view query);

    const std::string* find(std::string_view name) const;  // The first of that name, or nullptr.
    std::string_view get(std::string_view name) const;     // The first of that name, or "".
    std::vector<std::string> all(std::string_view name) const;
    // `otherwise` when absent; kInvalid, naming the parameter, when it is no decimal int64.
    Result<std::int64_t> get_int(std::string_view name, std::int64_t otherwise) const;

    auto begin() const { return parameters_.begin(); }

    auto end() const { return parameters_.end(); }

    std::size_t size() const { return parameters_.size(); }

private:
    std::vector<std::pair<std::string, std::string>> parameters_;
};

// "https://example.org:8443/v1/models?x=1" in parts.
struct Url {
    bool is_tls = false;
    std::string host;  // Without the brackets of an IPv6 address.
    std::uint16_t port = 80;
    std::string target = "/";  // Path and query, as written; a fragment is dropped.

    std::string authority() const;  // For the Host header: the port only when it is not the scheme's.
};

// kInvalid, saying what is wrong, for another scheme, user information, bad ports, spaces and control
// characters.
Result<Url> parse_url(std::string_view text);

// The path of a request target, decoded and checked. kInvalid when it does not start with '/', has a "." or
// ".." segment (also when encoded), a NUL or a broken escape. Keeps %2F inside a segment distinct: see
// `segments`.
struct TargetPath {
    std::string path;                   // Decoded whole.
    std::vector<std::string> segments;  // Between the slashes, each decoded; "/" has one, which is empty.
    std::string_view query;             // Still encoded; points into the target.
};

Result<TargetPath> parse_target(std::string_view target);

}  // namespace capstan::http
