#pragma once

// What BERT's normalizer and pre-tokenizer take characters for. Hugging Face's know the categories of Unicode
// 8.0, older than what text/unicode.h knows; a character that came or moved later has the other kind here.

#include <cstdint>
#include <string>
#include <string_view>

namespace capstan::text {

bool is_bert_punctuation(std::uint32_t code_point);
bool is_bert_accent(std::uint32_t code_point);   // A nonspacing mark.
bool is_bert_control(std::uint32_t code_point);  // Also formats and private use; not tab and line ends.

struct BertNormalizing {
    bool cleans_text = true;        // Drops controls; white space becomes spaces.
    bool spaces_around_han = true;  // Chinese characters become words.
    bool strips_accents = true;
    bool lower_cases = true;
};

// Cost: linear. `text` is well-formed.
std::string normalize_as_bert(std::string_view text, const BertNormalizing& wanted);

}  // namespace capstan::text
