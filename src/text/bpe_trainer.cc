#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "text/bpe_merger.h"
#include "text/byte_alphabet.h"
#include "text/limits.h"
#include "text/word_lexer.h"

namespace capstan::text {
namespace {

constexpr std::size_t kBytes = 256;
constexpr std::size_t kMergesBetweenReports = 100;

Result<void> check_settings(const BpeSettings& settings, std::size_t words) {
    const std::size_t least = settings.special_tokens.size() + kBytes;
    if (settings.vocabulary_size < least || settings.vocabulary_size > kVocabularySizeMax) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "vocabulary_size is {}; it must be {} (the bytes and special tokens) to {}",
                settings.vocabulary_size,
                least,
                kVocabularySizeMax
            )
        };
    }
    for (const std::string& token : settings.special_tokens) {
        if (token.empty() || token.size() > kAddedTokenBytesMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "a special token has {} bytes; 1 to {} are possible", token.size(), kAddedTokenBytesMax
                )
            };
        }
        if (std::ranges::count(settings.special_tokens, token) > 1) {
            return Error{ErrorCode::kInvalid, fmt::format("special token '{}' is given twice", token)};
        }
    }
    if (words == 0) {
        return Error{ErrorCode::kInvalid, "there is no text to train a tokenizer on"};
    }
    return {};
}

// Tokens by id and back, and which symbol is which byte.
class Lexicon {
public:
    explicit Lexicon(const std::vector<std::string>& special_tokens) {
        for (const std::string& token : special_tokens) {
            tokens_.number_of(token);
        }
        // Hugging Face sorts the alphabet by code point.
        std::vector<std::uint8_t> bytes(kBytes);
        for (std::size_t byte = 0; byte < kBytes; ++byte) {
            bytes[byte] = static_cast<std::uint8_t>(byte);
        }
        std::ranges::sort(bytes, {}, byte_alphabet_character);
        for (const std::uint8_t byte : bytes) {
            const char as_char = static_cast<char>(byte);
            symbols_[byte] = tokens_.number_of(to_byte_alphabet({&as_char, 1}));
        }
    }

    std::size_t size() const { return tokens_.size(); }

    // A symbol that was there already when another pair spells the same.
    Symbol join(SymbolPair pair) {
        return tokens_.number_of(std::string(tokens_[pair.left]).append(tokens_[pair.right]));
    }

    std::vector<Symbol> symbols_of(std::string_view word) const {
        std::vector<Symbol> symbols;
        symbols.reserve(word.size());
        for (const char byte : word) {
            symbols.push_back(symbols_[static_cast<std::uint8_t>(byte)]);
        }
        return symbols;
    }

    std::vector<std::string> tokens() const {
        std::vector<std::string> tokens;
        for (std::uint32_t id = 0; id < tokens_.size(); ++id) {
            tokens.emplace_back(tokens_[id]);
        }
        return tokens;
    }

private:
    StringTable tokens_;
    std::array<Symbol, kBytes> symbols_{};
};

// A pair that was merged twice has the rank of its last time.
std::vector<std::pair<std::int32_t, std::int32_t>> last_of_each(const std::vector<SymbolPair>& merges) {
    NumberTable<std::size_t> last(merges.size());
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        last.at(merges[rank].key()) = rank;
    }
    std::vector<std::pair<std::int32_t, std::int32_t>> kept;
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        if (*last.find(merges[rank].key()) == rank) {
            kept.emplace_back(merges[rank].left, merges[rank].right);
        }
    }
    return kept;
}

}  // namespace

void BpeTrainer::add(std::string_view text) {
    bytes_ += text.size();
    while (!text.empty()) {
        const std::size_t length = first_word_bytes(WordPattern::kGpt2, text);
        const std::uint32_t word = words_.number_of(text.substr(0, length));
        if (word == counts_.size()) {
            counts_.push_back(0);
        }
        counts_[word] += 1;
        text.remove_prefix(length);
    }
}

Result<BpeVocabulary> BpeTrainer::train(const BpeWatch& watch) const {
    if (const auto checked = check_settings(settings_, words_.size()); !checked) {
        return checked.error();
    }
    Lexicon lexicon(settings_.special_tokens);
    BpeMerger merger;
    for (std::uint32_t word = 0; word < words_.size(); ++word) {
        merger.add_word(lexicon.symbols_of(words_[word]), counts_[word]);
    }
    merger.count_pairs();
    std::vector<SymbolPair> merges;
    while (lexicon.size() < settings_.vocabulary_size) {
        if (merges.size() % kMergesBetweenReports == 0) {
            if (watch.on_progress) {
                watch.on_progress({.tokens = lexicon.size(), .tokens_wanted = settings_.vocabulary_size});
            }
            if (watch.stop_requested && watch.stop_requested()) {
                return Error{ErrorCode::kCancelled, "training the tokenizer was stopped"};
            }
        }
        const auto pair = merger.take_best(settings_.min_frequency);
        if (!pair) {
            break;
        }
        merges.push_back(*pair);
        merger.merge(*pair, lexicon.join(*pair));
    }
    return BpeVocabulary{
        .tokens = lexicon.tokens(),
        .merges = last_of_each(merges),
        .special_tokens = settings_.special_tokens.size()
    };
}

}  // namespace capstan::text
