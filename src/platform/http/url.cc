#include "platform/http/url.h"

#include <algorithm>
#include <charconv>

namespace capstan::http {
namespace {

constexpr std::size_t kQuotedMax = 100;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

Error invalid(std::string_view what, std::string_view text) {
    return {ErrorCode::kInvalid, std::string(what) + ": '" + std::string(text.substr(0, kQuotedMax)) + "'"};
}

// The integer that is all of `text`, or false.
template <typename Integer>
bool read_integer(std::string_view text, Integer& value) {
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, value);
    return failure == std::errc() && stop == end && !text.empty();
}

bool has_dot_segment(std::string_view path) {
    while (true) {
        const std::size_t slash = path.find('/');
        const std::string_view segment = path.substr(0, slash);
        if (segment == "." || segment == "..") {
            return true;
        }
        if (slash == std::string_view::npos) {
            return false;
        }
        path.remove_prefix(slash + 1);
    }
}

// "http://host/path" as a proxy would be asked (RFC 9112, 3.2.2), reduced to "/path".
std::string_view without_origin(std::string_view target) {
    if (!target.starts_with("http://") && !target.starts_with("https://")) {
        return target;
    }
    const std::size_t path = target.find_first_of("/?", target.find("://") + 3);
    return path == std::string_view::npos ? "/" : target.substr(path);
}

// host, host:port, [v6] or [v6]:port, into `url`, which has its scheme's port already.
Result<Url> with_authority(Url url, std::string_view authority, std::string_view text) {
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) {
            return invalid("an IPv6 address in the URL is not closed by ']'", text);
        }
        url.host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
    } else {
        const std::size_t colon = authority.find(':');
        url.host = authority.substr(0, colon);
        port = colon == std::string_view::npos ? "" : authority.substr(colon);
    }
    if (url.host.empty()) {
        return invalid("the URL names no host", text);
    }
    if (!port.empty() && (port[0] != ':' || !read_integer(port.substr(1), url.port) || url.port == 0)) {
        return invalid("the URL's port is not a number from 1 to 65535", text);
    }
    return url;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\0') {
            return Error{ErrorCode::kInvalid, "a NUL is not allowed"};
        }
        if (text[i] != '%') {
            decoded.push_back(text[i]);
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return invalid("a '%' is not followed by two hexadecimal digits", text);
        }
        if (high == 0 && low == 0) {
            return invalid("an encoded NUL is not allowed", text);
        }
        decoded.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return decoded;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
        }
    }
    return encoded;
}

Result<QueryParameters> QueryParameters::parse(std::string_view query) {
    QueryParameters parameters;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        std::string part(query.substr(0, end));
        query.remove_prefix(std::min(end + 1, query.size()));
        if (part.empty()) {
            continue;
        }
        if (parameters.parameters_.size() == kCountMax) {
            return Error{ErrorCode::kInvalid, "the query has more than 1000 parameters"};
        }
        std::ranges::replace(part, '+', ' ');
        const std::size_t equals = std::min(part.find('='), part.size());
        Result<std::string> name = percent_decode(std::string_view(part).substr(0, equals));
        Result<std::string> value =
            percent_decode(std::string_view(part).substr(std::min(equals + 1, part.size())));
        if (!name || !value) {
            return name ? value.error() : name.error();
        }
        parameters.parameters_.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

const std::string* QueryParameters::find(std::string_view name) const {
    const auto found = std::ranges::find_if(parameters_, [&](const auto& p) { return p.first == name; });
    return found == parameters_.end() ? nullptr : &found->second;
}

std::string_view QueryParameters::get(std::string_view name) const {
    const std::string* value = find(name);
    return value ? std::string_view(*value) : std::string_view();
}

std::vector<std::string> QueryParameters::all(std::string_view name) const {
    std::vector<std::string> values;
    for (const auto& [key, value] : parameters_) {
        if (key == name) {
            values.push_back(value);
        }
    }
    return values;
}

Result<std::int64_t> QueryParameters::get_int(std::string_view name, std::int64_t otherwise) const {
    const std::string* text = find(name);
    std::int64_t value = otherwise;
    if (text && !read_integer(*text, value)) {
        return invalid("the query parameter '" + std::string(name) + "' is not a whole number", *text);
    }
    return value;
}

std::string Url::authority() const {
    const std::string name = host.contains(':') ? "[" + host + "]" : host;
    return port == (is_tls ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text) {
    Url url;
    std::string_view rest = text;
    if (text.starts_with("https://")) {
        url.is_tls = true;
        url.port = 443;
        rest.remove_prefix(8);
    } else if (text.starts_with("http://")) {
        rest.remove_prefix(7);
    } else {
        return invalid("the URL does not start with http:// or https://", text);
    }
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; })) {
        return invalid("the URL has a space or a control character; percent-encode it", text);
    }
    rest = rest.substr(0, rest.find('#'));
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view authority = rest.substr(0, end);
    if (authority.contains('@')) {
        return Error{
            ErrorCode::kInvalid, "the URL has a user name or password; send an Authorization header"
        };
    }
    if (end < rest.size()) {
        url.target = rest[end] == '?' ? "/" + std::string(rest.substr(end)) : std::string(rest.substr(end));
    }
    return with_authority(std::move(url), authority, text);
}

Result<TargetPath> parse_target(std::string_view target) {
    target = without_origin(target);
    const std::size_t question = std::min(target.find('?'), target.size());
    const std::string_view raw = target.substr(0, question);
    TargetPath parsed;
    parsed.query = target.substr(std::min(question + 1, target.size()));
    if (!raw.starts_with('/') && !(raw.empty() && question < target.size())) {
        return invalid("the request's path does not start with '/'", target);
    }
    std::string_view rest = raw.substr(std::min<std::size_t>(1, raw.size()));
    while (true) {
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        Result<std::string> segment = percent_decode(rest.substr(0, slash));
        if (!segment) {
            return segment.error();
        }
        if (segment->contains('\0') || has_dot_segment(*segment)) {
            return invalid("the request's path has a '.' or '..' segment or a NUL", target);
        }
        parsed.path += "/" + *segment;
        parsed.segments.push_back(std::move(*segment));
        if (slash == rest.size()) {
            return parsed;
        }
        rest.remove_prefix(slash + 1);
    }
}

}  // namespace capstan::http
