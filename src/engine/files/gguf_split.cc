#include "engine/files/gguf_split.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

constexpr std::size_t kDigits = 5;
constexpr std::string_view kEnd = ".gguf";

Error wrong(std::string_view piece, std::string_view why) {
    return Error{ErrorCode::kInvalid, fmt::format("piece '{}': {}", piece, why)};
}

// Five digits at the end of `text`, which are taken away, as what stands before them.
std::optional<std::int64_t> take_number(std::string_view& text, std::string_view before) {
    if (text.size() < kDigits + before.size()) {
        return std::nullopt;
    }
    const std::string_view digits = text.substr(text.size() - kDigits);
    text.remove_suffix(kDigits);
    std::int64_t number = 0;
    const bool is_number = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
    if (!is_number || !text.ends_with(before)) {
        return std::nullopt;
    }
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    text.remove_suffix(before.size());
    return number;
}

std::optional<std::int64_t> int_of(const GgufContent& content, std::string_view key) {
    const auto found = content.metadata.find(key);
    return found == content.metadata.end() ? std::nullopt : found->second.as_int();
}

// That it is the piece that its place asks for.
Result<void> check_place(const GgufPiece& piece, std::int64_t index, std::int64_t count) {
    const auto own_count = int_of(piece.content, "split.count");
    const auto own_index = int_of(piece.content, "split.no");
    if (own_count != count || own_index != index) {
        return wrong(
            piece.name,
            fmt::format(
                "must be number {} of {} by 'split.no' (from 0) and 'split.count', which are {} and {}",
                index,
                count,
                own_index ? fmt::to_string(*own_index) : "absent",
                own_count ? fmt::to_string(*own_count) : "absent"
            )
        );
    }
    return {};
}

}  // namespace

std::string GgufPieceName::file_name() const {
    return fmt::format("{}-{:05}-of-{:05}{}", stem, number, count, kEnd);
}

std::optional<GgufPieceName> parse_piece_name(std::string_view file_name) {
    if (!file_name.ends_with(kEnd)) {
        return std::nullopt;
    }
    file_name.remove_suffix(kEnd.size());
    const auto count = take_number(file_name, "-of-");
    const auto number = count ? take_number(file_name, "-") : std::nullopt;
    if (!number || *number < 1 || *number > *count) {
        return std::nullopt;
    }
    return GgufPieceName{.stem = std::string(file_name), .number = *number, .count = *count};
}

Result<std::int64_t> piece_count_of(const GgufContent& content) {
    if (!content.metadata.contains("split.count")) {
        return 1;
    }
    const auto count = int_of(content, "split.count");
    if (!count || *count < 0 || *count > kGgufPiecesMax) {
        return Error{
            ErrorCode::kInvalid, fmt::format("key 'split.count': must be a number up to {}", kGgufPiecesMax)
        };
    }
    return std::max<std::int64_t>(1, *count);
}

Result<GgufContent> join_pieces(std::span<GgufPiece> pieces) {
    GgufContent joined;
    std::map<std::string, std::string> piece_of;  // Of each tensor.
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        GgufPiece& piece = pieces[i];
        if (auto good = check_place(piece, static_cast<std::int64_t>(i), std::ssize(pieces)); !good) {
            return good.error();
        }
        for (auto& [name, tensor] : piece.content.tensors) {
            const auto [known, is_new] = piece_of.emplace(name, piece.name);
            if (!is_new) {
                return wrong(piece.name, fmt::format("tensor '{}' is in '{}', too", name, known->second));
            }
            joined.tensors.emplace(name, std::move(tensor));
        }
        if (i == 0) {
            joined.version = piece.content.version;
            joined.metadata = std::move(piece.content.metadata);
        }
    }
    const auto tensors = int_of(joined, "split.tensors.count");
    if (tensors && *tensors != std::ssize(joined.tensors)) {
        return wrong(
            pieces.front().name,
            fmt::format(
                "'split.tensors.count' is {}; the pieces have {} tensors", *tensors, joined.tensors.size()
            )
        );
    }
    return joined;
}

}  // namespace capstan::engine
