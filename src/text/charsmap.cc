#include "text/charsmap.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "text/unicode.h"

namespace capstan::text {
namespace {

// Fields of a unit, as Darts-clone packs them.
bool has_leaf(std::uint32_t unit) {
    return (unit >> 8 & 1) != 0;
}

std::uint32_t value_of(std::uint32_t unit) {
    return unit & 0x7FFFFFFF;
}

std::uint32_t label_of(std::uint32_t unit) {
    return unit & 0x800000FF;
}

std::uint32_t offset_of(std::uint32_t unit) {
    return unit >> 10 << ((unit & 1U << 9) >> 6);
}

constexpr std::size_t kClusterBytesEnd = 6;

// Far above those of Unicode: a map that goes in circles, or on and on, must not cost more.
constexpr std::size_t kStringBytesMax = 256;
constexpr std::size_t kReplacementBytesMax = 4096;

}  // namespace

Result<Charsmap> Charsmap::read(std::string_view bytes, Walk walk) {
    static_assert(std::endian::native == std::endian::little, "the map is little-endian");
    std::uint32_t trie_bytes = 0;
    if (bytes.size() < sizeof trie_bytes) {
        return Error{ErrorCode::kInvalid, "the map of characters has no size"};
    }
    std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
    bytes.remove_prefix(sizeof trie_bytes);
    if (trie_bytes > bytes.size() || trie_bytes % sizeof(std::uint32_t) != 0 || trie_bytes == 0) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("the trie of the map of characters has {} bytes of {}", trie_bytes, bytes.size())
        };
    }
    Charsmap map;
    map.walk_ = walk;
    map.units_.resize(trie_bytes / sizeof(std::uint32_t));
    std::memcpy(map.units_.data(), bytes.data(), trie_bytes);
    map.replacements_ = bytes.substr(trie_bytes);
    for (std::size_t c = 1; c < map.keeps_.size(); ++c) {
        const std::uint32_t node = offset_of(map.units_[0]) ^ static_cast<std::uint32_t>(c);
        map.keeps_[c] = c != '\r' && (node >= map.units_.size() || label_of(map.units_[node]) != c);
    }
    return map;
}

// No data when the map has no replacement that begins there.
std::string_view Charsmap::replacement_at(std::uint32_t at) const {
    if (at >= replacements_.size()) {
        return {};
    }
    const std::string_view rest = std::string_view(replacements_).substr(at, kReplacementBytesMax);
    const std::size_t bytes = rest.find('\0');
    return bytes == std::string_view::npos ? std::string_view() : rest.substr(0, bytes);
}

// Only strings whose replacement lies within the map count.
Charsmap::Match Charsmap::match(std::string_view text, bool wants_longest) const {
    Match found;
    text = text.substr(0, kStringBytesMax);
    std::uint32_t node = offset_of(units_[0]);
    for (std::size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        node ^= byte;
        if (node >= units_.size() || label_of(units_[node]) != byte) {
            break;
        }
        const std::uint32_t unit = units_[node];
        node ^= offset_of(unit);
        if (!has_leaf(unit) || node >= units_.size()) {
            continue;
        }
        const std::string_view replacement = replacement_at(value_of(units_[node]));
        if (replacement.data() != nullptr) {
            found = {.bytes = i + 1, .replacement = replacement};
            if (!wants_longest) {
                break;
            }
        }
    }
    return found;
}

// What becomes of all of `cluster`, whatever the string of the map covers.
Charsmap::Match Charsmap::match_cluster(std::string_view cluster) const {
    if (cluster.size() < kClusterBytesEnd) {
        if (Match found = match(cluster, false); found.bytes > 0) {
            found.bytes = cluster.size();
            return found;
        }
    }
    const std::string_view first = cluster.substr(0, front_character(cluster).length);
    Match found = match(first, false);
    found.bytes = found.bytes > 0 ? first.size() : 0;
    return found;
}

std::string Charsmap::apply(std::string_view text, std::size_t bytes_max) const {
    std::string out;
    out.reserve(text.size());
    std::size_t cluster_bytes = 0;  // Left of a cluster that goes by its characters.
    while (!text.empty()) {
        const auto byte = static_cast<std::uint8_t>(text.front());
        const bool is_alone = text.size() == 1 || static_cast<signed char>(text[1]) >= 0;
        if (cluster_bytes == 0 && byte < keeps_.size() && keeps_[byte] && is_alone) {
            out += text.front();
            text.remove_prefix(1);
            continue;
        }
        Match found;
        if (walk_ == Walk::kLongest) {
            found = match(text, true);
        } else if (cluster_bytes > 0) {
            found = match_cluster(text.substr(0, front_character(text).length));
        } else {
            cluster_bytes = first_cluster_bytes(text);
            found = match_cluster(text.substr(0, cluster_bytes));
        }
        const std::size_t bytes = found.bytes > 0 ? found.bytes : front_character(text).length;
        const bool fits =
            out.size() + found.replacement.size() + text.size() <= std::max(bytes_max, text.size());
        out += found.bytes > 0 && fits ? found.replacement : text.substr(0, bytes);
        text.remove_prefix(bytes);
        cluster_bytes -= std::min(cluster_bytes, bytes);
    }
    return out;
}

}  // namespace capstan::text
