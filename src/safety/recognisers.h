#pragma once

// The recognisers behind find_pii(), private to this room. Each looks at `at` in `text`, where something of
// its kind may begin (for e-mail: at the "@"), reads a bounded number of bytes, and gives the span or
// nothing.

#include <optional>
#include <string_view>

#include "safety/pii.h"

namespace capstan::safety {

std::optional<PiiSpan> email_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> ipv4_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> ipv6_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> mac_at(std::string_view text, std::size_t at);

std::optional<PiiSpan> phone_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> credit_card_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> us_ssn_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> iban_at(std::string_view text, std::size_t at);

std::optional<PiiSpan> private_key_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> token_at(std::string_view text, std::size_t at);  // By its prefix.
std::optional<PiiSpan> bearer_at(std::string_view text, std::size_t at);
std::optional<PiiSpan> assigned_at(
    std::string_view text, std::size_t at
);  // At the "=" or ":" of "api_key =".

// Whether `address` is one that the internet routes: not private, not reserved, not for documentation.
bool is_public_ipv4(std::string_view address);
bool is_public_ipv6(std::string_view address);

inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

inline bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

inline bool is_word(char c) {
    return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z') || c == '_';
}

inline char lower(char c) {
    return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

// Whether one of `words` (lower case) stands in the 40 bytes before `at`.
bool has_context(std::string_view text, std::size_t at, std::initializer_list<std::string_view> words);

}  // namespace capstan::safety
