#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include <arpa/inet.h>
#include <re2/re2.h>

#include "safety/recognisers.h"

namespace capstan::safety {
namespace {

constexpr std::size_t kLocalPartMax = 64;  // RFC 5321, 4.5.3.1
constexpr std::size_t kDomainMax = 253;

// Names that no one owns (RFC 2606, RFC 6761), and units of systemd ("getty@tty1.service").
constexpr std::array<std::string_view, 18> kReservedTops = {
    "example",
    "invalid",
    "localhost",
    "test",
    "local",
    "localdomain",
    "internal",
    "service",
    "socket",
    "target",
    "mount",
    "timer",
    "slice",
    "scope",
    "device",
    "automount",
    "swap",
    "path"
};
constexpr std::array<std::string_view, 3> kReservedDomains = {"example.com", "example.net", "example.org"};

bool is_local_part(char c) {
    return is_word(c) || c == '.' || c == '+' || c == '-' || c == '%';
}

bool is_domain(char c) {
    return (is_word(c) && c != '_') || c == '.' || c == '-';
}

bool is_reserved_domain(std::string domain) {
    std::ranges::transform(domain, domain.begin(), lower);
    const std::string_view top = std::string_view(domain).substr(domain.rfind('.') + 1);
    return std::ranges::find(kReservedTops, top) != kReservedTops.end() ||
           std::ranges::any_of(kReservedDomains, [&domain](auto reserved) {
               return domain == reserved || domain.ends_with("." + std::string(reserved));
           });
}

struct Network {
    std::uint32_t address;
    int bits;
};

// The IANA registry of special IPv4 addresses, as of 2024, with multicast.
constexpr std::array<Network, 17> kSpecialIpv4 = {{
    {0x00000000, 8},
    {0x0A000000, 8},
    {0x64400000, 10},
    {0x7F000000, 8},
    {0xA9FE0000, 16},
    {0xAC100000, 12},
    {0xC0000000, 24},
    {0xC0000200, 24},
    {0xC01FC400, 24},
    {0xC034C100, 24},
    {0xC0586300, 24},
    {0xC0A80000, 16},
    {0xC0AF3000, 24},
    {0xC6120000, 15},
    {0xC6336400, 24},
    {0xCB007100, 24},
    {0xE0000000, 3},
}};

std::string_view run_of(std::string_view text, std::size_t at, std::size_t max, bool (*wanted)(char)) {
    std::size_t end = at;
    while (end < text.size() && end - at < max && wanted(text[end])) {
        end += 1;
    }
    return text.substr(at, end - at);
}

char char_at(std::string_view text, std::size_t at) {
    return at < text.size() ? text[at] : '\0';
}

// Like the numbers of sections and releases, "4.1.2.9": all parts below 32.
bool has_small_parts_only(std::string_view address) {
    int part = 0;
    int largest = 0;
    for (const char c : address) {
        part = c == '.' ? 0 : part * 10 + (c - '0');
        largest = std::max(largest, part);
    }
    return largest < 32;
}

}  // namespace

std::optional<PiiSpan> email_at(std::string_view text, std::size_t at) {
    static const RE2 kForm(
        R"([A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24})"
    );
    std::size_t begin = at;
    while (begin > 0 && at - begin < kLocalPartMax && is_local_part(text[begin - 1])) {
        begin -= 1;
    }
    while (begin < at && (text[begin] == '.' || text[begin] == '-' || text[begin] == '%')) {
        begin += 1;
    }
    const std::string_view domain = run_of(text, at + 1, kDomainMax, is_domain);
    if (begin == at || domain.empty()) {
        return std::nullopt;
    }
    const std::string_view window = text.substr(begin, at + 1 + domain.size() - begin);
    re2::StringPiece found;
    if (!kForm.Match({window.data(), window.size()}, 0, window.size(), RE2::ANCHOR_START, &found, 1)) {
        return std::nullopt;
    }
    const std::size_t end = begin + found.size();
    const bool is_cut = is_word(char_at(text, end)) || char_at(text, begin + found.size()) == '@';
    const bool is_login = text.substr(begin, at - begin) == "git";  // git@host:path names no one.
    if (is_cut || is_login || is_reserved_domain(std::string(text.substr(at + 1, end - at - 1)))) {
        return std::nullopt;
    }
    return PiiSpan{.type = PiiType::kEmail, .begin = begin, .end = end, .score = 1.0};
}

std::optional<PiiSpan> ipv4_at(std::string_view text, std::size_t at) {
    const auto run = run_of(text, at, 16, [](char c) { return is_digit(c) || c == '.'; });
    std::string_view address = run;
    while (address.ends_with('.')) {
        address.remove_suffix(1);  // The end of a sentence.
    }
    const char before = at > 0 ? text[at - 1] : ' ';
    const char after = char_at(text, at + run.size());
    if (before == '.' || before == '-' || is_word(after) || after == '-' || !is_public_ipv4(address)) {
        return std::nullopt;
    }
    if (has_context(text, at, {"version", "release", " oid", "section", "rfc"})) {
        return std::nullopt;
    }
    const bool is_marked =
        !has_small_parts_only(address) || has_context(text, at, {"address", "ip ", "host"});
    return PiiSpan{
        .type = PiiType::kIpAddress, .begin = at, .end = at + address.size(), .score = is_marked ? 0.6 : 0.4
    };
}

std::optional<PiiSpan> ipv6_at(std::string_view text, std::size_t at) {
    const auto is_part = [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    };
    std::string_view address = run_of(text, at, INET6_ADDRSTRLEN, is_part);
    if (is_word(char_at(text, at + address.size())) || address.find(':') == std::string_view::npos) {
        return std::nullopt;
    }
    while (address.ends_with('.') || (address.ends_with(':') && !address.ends_with("::"))) {
        address.remove_suffix(1);
    }
    const char before = at > 0 ? text[at - 1] : ' ';
    if (before == ':' || !is_public_ipv6(address)) {
        return std::nullopt;
    }
    return PiiSpan{.type = PiiType::kIpAddress, .begin = at, .end = at + address.size(), .score = 0.8};
}

std::optional<PiiSpan> mac_at(std::string_view text, std::size_t at) {
    static const RE2 kForm("(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}");
    constexpr std::size_t kBytes = 17;
    const std::string_view address = text.substr(at, kBytes);
    if (!RE2::FullMatch({address.data(), address.size()}, kForm)) {
        return std::nullopt;
    }
    const char after = char_at(text, at + kBytes);
    const char before = at > 0 ? text[at - 1] : ' ';
    if (is_word(after) || after == ':' || after == '-' || before == ':' || before == '-') {
        return std::nullopt;
    }
    std::string digits;
    for (const char c : address) {
        digits += c == ':' || c == '-' ? "" : std::string(1, lower(c));
    }
    const bool is_same = digits.find_first_not_of(digits[0]) == std::string::npos;
    // RFC 7042's range for documentation, and the two that every manual uses.
    if (is_same || digits.starts_with("00005e0053") || digits == "001122334455" || digits == "aabbccddeeff") {
        return std::nullopt;
    }
    return PiiSpan{.type = PiiType::kMacAddress, .begin = at, .end = at + kBytes, .score = 0.9};
}

bool is_public_ipv4(std::string_view address) {
    in_addr parsed{};
    if (inet_pton(AF_INET, std::string(address).c_str(), &parsed) != 1) {
        return false;
    }
    const std::uint32_t value = ntohl(parsed.s_addr);
    return std::ranges::none_of(kSpecialIpv4, [value](const Network& network) {
        return (value ^ network.address) >> (32 - network.bits) == 0;
    });
}

bool is_public_ipv6(std::string_view address) {
    in6_addr parsed{};
    if (inet_pton(AF_INET6, std::string(address).c_str(), &parsed) != 1) {
        return false;
    }
    const auto& bytes = parsed.s6_addr;
    const unsigned first = (static_cast<unsigned>(bytes[0]) << 8) | bytes[1];
    const unsigned second = (static_cast<unsigned>(bytes[2]) << 8) | bytes[3];
    const bool is_global_unicast = (first >> 13) == 1;  // 2000::/3
    const bool is_documentation =
        (first == 0x2001 && second == 0x0DB8) || (first == 0x3FFF && second < 0x1000);
    const bool is_protocol = first == 0x2001 && second < 0x0200;  // 2001::/23, Teredo and its like
    const bool is_6to4 = first == 0x2002;
    return is_global_unicast && !is_documentation && !is_protocol && !is_6to4;
}

}  // namespace capstan::safety
