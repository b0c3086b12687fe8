#include "text/token_vocabulary.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/limits.h"

namespace capstan::text {
namespace {

std::string_view shown(std::string_view token) {
    return token.substr(0, 80);
}

Result<void> check_size(std::string_view token) {
    if (token.size() > kTokenBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("token '{}…' has {} bytes; {} at most", shown(token), token.size(), kTokenBytesMax)
        };
    }
    return {};
}

}  // namespace

Result<void> TokenVocabulary::add(std::string_view token, std::int32_t id) {
    if (auto checked = check_size(token); !checked) {
        return checked;
    }
    if (id < 0 || static_cast<std::size_t>(id) >= kVocabularySizeMax) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "token '{}' has id {}; 0 to {} are possible", shown(token), id, kVocabularySizeMax - 1
            )
        };
    }
    const std::uint32_t number = tokens_.size();
    if (tokens_.number_of(token) != number) {
        return Error{ErrorCode::kInvalid, fmt::format("token '{}' is given twice", shown(token))};
    }
    id_by_number_.push_back(id);
    count_bytes(token);
    if (token_by_id_.size() <= static_cast<std::size_t>(id)) {
        token_by_id_.resize(static_cast<std::size_t>(id) + 1, StringTable::kNone);
    }
    std::uint32_t& slot = token_by_id_[static_cast<std::size_t>(id)];
    if (slot != StringTable::kNone) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("tokens '{}' and '{}' both have id {}", shown(tokens_[slot]), shown(token), id)
        };
    }
    slot = number;
    return {};
}

Result<void> TokenVocabulary::append(std::string_view token) {
    if (auto checked = check_size(token); !checked) {
        return checked;
    }
    if (token_by_id_.size() >= kVocabularySizeMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("there are more than {} tokens", kVocabularySizeMax)};
    }
    const std::uint32_t before = tokens_.size();
    const std::uint32_t number = tokens_.number_of(token);
    if (number == before) {
        id_by_number_.push_back(static_cast<std::int32_t>(token_by_id_.size()));
        count_bytes(token);
    }
    token_by_id_.push_back(number);
    return {};
}

void TokenVocabulary::count_bytes(std::string_view token) {
    token_bytes_ += token.size();
    token_bytes_longest_ = std::max(token_bytes_longest_, token.size());
}

Result<void> TokenVocabulary::check_for_trie() const {
    if (token_bytes_longest_ > kTrieTokenBytesMax || token_bytes_ > kTrieBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format(
                "the longest token has {} bytes, all of them {}; {} and {} are possible in this model",
                token_bytes_longest_,
                token_bytes_,
                kTrieTokenBytesMax,
                kTrieBytesMax
            )
        };
    }
    return {};
}

std::vector<std::int32_t> byte_token_ids(const TokenVocabulary& vocabulary) {
    std::vector<std::int32_t> ids;
    for (int byte = 0; byte < 256; ++byte) {
        ids.push_back(vocabulary.id_of(fmt::format("<0x{:02X}>", byte)));
    }
    return ids;
}

bool append_byte_tokens(
    const std::vector<std::int32_t>& byte_ids, std::string_view text, std::vector<std::int32_t>& ids
) {
    const auto id_of = [&](char byte) { return byte_ids[static_cast<std::uint8_t>(byte)]; };
    if (std::ranges::any_of(text, [&](char byte) { return id_of(byte) < 0; })) {
        return false;
    }
    for (const char byte : text) {
        ids.push_back(id_of(byte));
    }
    return true;
}

}  // namespace capstan::text
