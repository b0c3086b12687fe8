#include "engine/files/random_vocabulary.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"

namespace capstan::engine {
namespace {

// GGUF's token types.
enum TokenType : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6 };

constexpr std::string_view kSpaceMark = "\u2581";      // SentencePiece's.
constexpr std::string_view kByteSpaceMark = "\u0120";  // The byte 32 of byte-level BPE.
constexpr std::size_t kLlama3Tokens = 128'256;
constexpr std::size_t kLlama3Special = 256;

// Words of `length` letters in order, as long as `add` says that there is room.
template <typename Add>
bool for_each_word(int length, const Add& add) {
    std::string word(static_cast<std::size_t>(length), 'a');
    while (true) {
        if (!add(word)) {
            return false;
        }
        int at = length - 1;
        while (at >= 0 && word[static_cast<std::size_t>(at)] == 'z') {
            word[static_cast<std::size_t>(at)] = 'a';
            --at;
        }
        if (at < 0) {
            return true;
        }
        ++word[static_cast<std::size_t>(at)];
    }
}

std::string utf8_of(unsigned code) {
    std::string text;
    if (code < 0x80) {
        text.push_back(static_cast<char>(code));
    } else {
        text.push_back(static_cast<char>(0xC0 | (code >> 6)));
        text.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
    return text;
}

// GPT-2's alphabet: bytes that print stand for themselves, the others for U+0100 and on.
std::vector<std::string> byte_alphabet() {
    std::vector<std::string> alphabet;
    unsigned moved = 0;
    for (unsigned byte = 0; byte < 256; ++byte) {
        const bool prints = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
        alphabet.push_back(utf8_of(prints ? byte : 0x100 + moved++));
    }
    return alphabet;
}

struct Vocabulary {
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types;
    std::vector<float> scores;
    std::size_t size = 0;

    bool add(std::string token, TokenType type, float score) {
        if (tokens.size() == size) {
            return false;
        }
        tokens.push_back(std::move(token));
        types.push_back(type);
        scores.push_back(score);
        return true;
    }

    // Earlier tokens are merged first.
    bool add(std::string token) { return add(std::move(token), kNormal, -static_cast<float>(tokens.size())); }
};

void add_characters(Vocabulary& vocabulary) {
    vocabulary.add(std::string(kSpaceMark));
    for (char character = '!'; character <= '~'; ++character) {
        vocabulary.add(std::string(1, character));
    }
}

std::string special_token(std::size_t index) {
    switch (index) {
        case 0:
            return "<|begin_of_text|>";
        case 1:
            return "<|end_of_text|>";
        case 6:
            return "<|start_header_id|>";
        case 7:
            return "<|end_header_id|>";
        case 9:
            return "<|eot_id|>";
        default:
            return fmt::format("<|reserved_special_token_{}|>", index);
    }
}

constexpr std::string_view kLlama3Template =
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if "
    "add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

constexpr std::string_view kPlainTemplate =
    "{{ bos_token }}{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% "
    "endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";

}  // namespace

void add_sentence_piece_vocabulary(GgufMetadata& metadata, std::int64_t tokens) {
    CHECK(tokens >= 400, "special tokens, bytes and characters need room");
    Vocabulary vocabulary = {.size = static_cast<std::size_t>(tokens)};
    vocabulary.add("<unk>", kUnknown, 0);
    vocabulary.add("<s>", kControl, 0);
    vocabulary.add("</s>", kControl, 0);
    for (int byte = 0; byte < 256; ++byte) {
        vocabulary.add(fmt::format("<0x{:02X}>", byte), kByte, 0);
    }
    add_characters(vocabulary);
    // Words up to seven letters are more than any vocabulary.
    for (int length = 2; length < 8; ++length) {
        const bool has_room =
            for_each_word(
                length - 1,
                [&](const std::string& word) { return vocabulary.add(std::string(kSpaceMark) + word); }
            ) &&
            for_each_word(length, [&](const std::string& word) { return vocabulary.add(word); });
        if (!has_room) {
            break;
        }
    }
    metadata.add("tokenizer.ggml.model", "llama");
    metadata.add("tokenizer.ggml.pre", "default");
    metadata.add("tokenizer.ggml.tokens", vocabulary.tokens);
    metadata.add("tokenizer.ggml.scores", vocabulary.scores);
    metadata.add("tokenizer.ggml.token_type", vocabulary.types);
    metadata.add("tokenizer.ggml.bos_token_id", 1U);
    metadata.add("tokenizer.ggml.eos_token_id", 2U);
    metadata.add("tokenizer.ggml.unknown_token_id", 0U);
    metadata.add("tokenizer.ggml.add_bos_token", true);
    metadata.add("tokenizer.ggml.add_eos_token", false);
    metadata.add("tokenizer.chat_template", kPlainTemplate);
}

void add_llama3_vocabulary(GgufMetadata& metadata) {
    Vocabulary vocabulary = {.size = kLlama3Tokens - kLlama3Special};
    std::vector<std::string> merges;
    for (std::string& character : byte_alphabet()) {
        vocabulary.add(std::move(character));
    }
    // Each word is the one without its last letter, and that letter.
    const auto merge = [&](std::string begin, const std::string& last) {
        std::string word = begin + last;
        if (!vocabulary.add(std::move(word))) {
            return false;
        }
        merges.push_back(std::move(begin) + " " + last);
        return true;
    };
    const auto merge_word = [&](std::string_view mark, const std::string& word) {
        return merge(std::string(mark) + word.substr(0, word.size() - 1), word.substr(word.size() - 1));
    };
    for (int length = 2; length < 8; ++length) {
        const bool has_room =
            for_each_word(
                length - 1, [&](const std::string& word) { return merge_word(kByteSpaceMark, word); }
            ) &&
            for_each_word(length, [&](const std::string& word) { return merge_word("", word); });
        if (!has_room) {
            break;
        }
    }
    vocabulary.size = kLlama3Tokens;
    for (std::size_t i = 0; i < kLlama3Special; ++i) {
        vocabulary.add(special_token(i), kControl, 0);
    }
    metadata.add("tokenizer.ggml.model", "gpt2");
    metadata.add("tokenizer.ggml.pre", "llama-bpe");
    metadata.add("tokenizer.ggml.tokens", vocabulary.tokens);
    metadata.add("tokenizer.ggml.token_type", vocabulary.types);
    metadata.add("tokenizer.ggml.merges", merges);
    metadata.add("tokenizer.ggml.bos_token_id", 128'000U);
    metadata.add("tokenizer.ggml.eos_token_id", 128'009U);
    metadata.add("tokenizer.ggml.add_bos_token", true);
    metadata.add("tokenizer.chat_template", kLlama3Template);
}

}  // namespace capstan::engine
