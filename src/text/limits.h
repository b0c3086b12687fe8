#pragma once

// What a tokenizer, wherever it comes from, may be at most.

#include <cstddef>
#include <cstdint>

namespace capstan::text {

inline constexpr std::uint64_t kTokenizerFileBytesMax = std::uint64_t{64} << 20;
inline constexpr std::size_t kVocabularySizeMax = 1'000'000;  // Ids are below this, too.
inline constexpr std::size_t kMergesMax = 2'000'000;
inline constexpr std::size_t kTokenBytesMax = 64 * 1024;
inline constexpr std::size_t kTrieTokenBytesMax =
    1024;  // Of WordPiece and Unigram: each is tried at each place.
inline constexpr std::size_t kTrieBytesMax = std::size_t{16} << 20;  // All of them together.
inline constexpr std::size_t kAddedTokensMax = 100'000;
inline constexpr std::size_t kAddedTokenBytesMax = 512;  // Each is tried at each place where it may begin.
inline constexpr std::size_t kAddedTokensBytesMax = std::size_t{1} << 20;  // All of them together.
inline constexpr std::size_t kStepsMax = 64;  // Of a normalizer, pre-tokenizer or decoder.

// What replacing may make of `bytes` of text. Unicode's own forms stay far below it; a chain of replacements
// that each multiply does not.
constexpr std::size_t replaced_bytes_max(std::size_t bytes) {
    return 64 * bytes + 4096;
}

}  // namespace capstan::text
