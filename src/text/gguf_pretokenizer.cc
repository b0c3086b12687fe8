#include "text/gguf_pretokenizer.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "text/probe_texts.h"
#include "text/word_lexer.h"

namespace capstan::text {
namespace {

// The expressions of models that have no lexer of their own, as the models' own files spell them.
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDefaultPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr std::string_view kDeepSeekLetters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-"
    "ώᾀ-ᾴᾶ-ᾼ"
    "ιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-"
    "𐓻𐲀-𐲲𐳀-𐳲"
    "𑢠-𑣟𞤀-𞥃]+";
constexpr std::string_view kDeepSeekV3Words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Recipe {
    std::span<const std::string_view> names;
    std::span<const std::string_view> expressions;  // One after another, each on what the others left.
    bool ignore_merges = false;
    bool adds_bos = false;
    bool is_nfc = false;  // The model's own files normalize so.
};

const std::array kGpt2 = {expression_of(WordPattern::kGpt2)};
const std::array kLlama3 = {expression_of(WordPattern::kLlama3)};
const std::array kQwen2 = {expression_of(WordPattern::kQwen2)};
const std::array kDigits = {std::string_view(R"(\p{N})"), expression_of(WordPattern::kGpt2)};
const std::array kDefault = {
    kDefaultPunctuation,
    expression_of(WordPattern::kGpt2),
    std::string_view(R"(\p{N}+)"),
    std::string_view("[0-9][0-9][0-9]")
};
const std::array kFalcon = {
    std::string_view(R"([\p{P}\$\+<=>\^~\|`]+)"),
    expression_of(WordPattern::kGpt2),
    std::string_view("[0-9][0-9][0-9]")
};
constexpr std::array kDeepSeekLlm = {
    std::string_view("[\r\n]"),
    kDeepSeekLetters,
    std::string_view("\\s?[!-/:-~！-／：-～‘-‟　-。]+"),
    std::string_view("\\s+$"),
    std::string_view("[一-龥ࠀ-一가-퟿]+"),
    std::string_view(R"(\p{N}+)")
};
constexpr std::array kDeepSeekCoder = {
    std::string_view("[\r\n]"),
    std::string_view(R"(\s?\p{L}+)"),
    std::string_view(R"(\s?\p{P}+)"),
    std::string_view("[一-龥ࠀ-一가-퟿]+"),
    std::string_view(R"(\p{N})")
};
constexpr std::array kDeepSeekV3 = {
    std::string_view(R"(\p{N}{1,3})"), std::string_view("[一-龥぀-ゟ゠-ヿ]+"), kDeepSeekV3Words
};
constexpr std::array kOnlyTekken = {kTekken};
constexpr std::array kOnlyO200k = {kO200k};
constexpr std::array kOnlyQwen35 = {kQwen35};

constexpr std::array<std::string_view, 2> kDefaultNames = {"", "default"};
constexpr std::array<std::string_view, 11> kGpt2Names = {
    "gpt-2",
    "phi-2",
    "mpt",
    "olmo",
    "jais",
    "trillion",
    "exaone4",
    "modern-bert",
    "jina-es",
    "jina-de",
    "roberta-bpe"
};
constexpr std::array<std::string_view, 8> kLlama3Names = {
    "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"
};
constexpr std::array<std::string_view, 3> kPlainLlama3Names = {"dbrx", "smaug-bpe", "chatglm-bpe"};
constexpr std::array<std::string_view, 2> kGlmNames = {"glm4", "glm5"};
constexpr std::array<std::string_view, 4> kQwen2Names = {"qwen2", "deepseek-r1-qwen", "megrez", "hunyuan"};
constexpr std::array<std::string_view, 1> kStableLmNames = {"stablelm2"};
constexpr std::array<std::string_view, 1> kQwen35Names = {"qwen35"};
constexpr std::array<std::string_view, 7> kDigitNames = {
    "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"
};
constexpr std::array<std::string_view, 1> kTekkenNames = {"tekken"};
constexpr std::array<std::string_view, 2> kO200kNames = {"gpt-4o", "llama4"};
constexpr std::array<std::string_view, 1> kFalconNames = {"falcon"};
constexpr std::array<std::string_view, 1> kDeepSeekLlmNames = {"deepseek-llm"};
constexpr std::array<std::string_view, 1> kDeepSeekCoderNames = {"deepseek-coder"};
constexpr std::array<std::string_view, 2> kDeepSeekV3Names = {"deepseek-v3", "hunyuan-dense"};

const std::array kRecipes = {
    Recipe{.names = kDefaultNames, .expressions = kDefault},
    Recipe{.names = kGpt2Names, .expressions = kGpt2},
    Recipe{.names = kLlama3Names, .expressions = kLlama3, .ignore_merges = true, .adds_bos = true},
    Recipe{.names = kPlainLlama3Names, .expressions = kLlama3},
    Recipe{.names = kGlmNames, .expressions = kLlama3, .ignore_merges = true},
    Recipe{.names = kQwen2Names, .expressions = kQwen2, .is_nfc = true},
    Recipe{.names = kStableLmNames, .expressions = kQwen2},
    Recipe{.names = kQwen35Names, .expressions = kOnlyQwen35, .is_nfc = true},
    Recipe{.names = kDigitNames, .expressions = kDigits},
    Recipe{.names = kTekkenNames, .expressions = kOnlyTekken, .ignore_merges = true, .adds_bos = true},
    Recipe{.names = kO200kNames, .expressions = kOnlyO200k},
    Recipe{.names = kFalconNames, .expressions = kFalcon},
    Recipe{.names = kDeepSeekLlmNames, .expressions = kDeepSeekLlm},
    Recipe{.names = kDeepSeekCoderNames, .expressions = kDeepSeekCoder},
    Recipe{.names = kDeepSeekV3Names, .expressions = kDeepSeekV3}
};

// As tokenizer.json has it.
Json steps_of(const Recipe& recipe) {
    Json::Array steps;
    for (const std::string_view expression : recipe.expressions) {
        steps.push_back(Json::object(
            {{"type", "Split"},
             {"pattern", Json::object({{"Regex", expression}})},
             {"behavior", "Isolated"},
             {"invert", false}}
        ));
    }
    steps.push_back(Json::object({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}));
    return Json::object({{"type", "Sequence"}, {"pretokenizers", Json(std::move(steps))}});
}

// One for each way to cut: the names that the best known models have.
constexpr std::array<std::string_view, 15> kNamesToWrite = {
    "gpt-2",
    "llama-bpe",
    "dbrx",
    "qwen2",
    "stablelm2",
    "smollm",
    "tekken",
    "gpt-4o",
    "qwen35",
    "falcon",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
    "glm4",
    "default"
};

using Words = std::vector<std::string>;

// Of all probes, at the start of a text, where alone a prefix can be, and further on.
Words words_of(const Normalizer& normalizer, const Pretokenizer& pretokenizer) {
    Words words;
    for (const std::string_view text : probe_texts()) {
        const std::string normalized = normalizer.apply(text);
        for (const bool is_first : {true, false}) {
            pretokenizer.cut(normalized, is_first, [&](std::string_view word) { words.emplace_back(word); });
            words.emplace_back();  // What is before and behind it are not one.
        }
    }
    return words;
}

struct Candidate {
    std::string_view name;
    bool ignore_merges = false;
    Words words;
};

const std::vector<Candidate>& candidates() {
    static const std::vector<Candidate> all = [] {
        std::vector<Candidate> made;
        for (const std::string_view name : kNamesToWrite) {
            if (const auto pre = gguf_pretokenizer(name)) {
                made.push_back({
                    .name = name,
                    .ignore_merges = pre->ignore_merges,
                    .words = words_of(pre->normalizer, pre->pretokenizer),
                });
            }
        }
        return made;
    }();
    return all;
}

}  // namespace

std::optional<std::string_view> gguf_pretokenizer_name(
    const Normalizer& normalizer, const Pretokenizer& pretokenizer, bool ignore_merges
) {
    const Words wanted = words_of(normalizer, pretokenizer);
    const auto found = std::ranges::find_if(candidates(), [&](const Candidate& candidate) {
        return candidate.ignore_merges == ignore_merges && candidate.words == wanted;
    });
    return found == candidates().end() ? std::nullopt : std::optional(found->name);
}

Result<GgufPretokenizer> gguf_pretokenizer(std::string_view name) {
    const auto recipe = std::ranges::find_if(kRecipes, [&](const Recipe& r) {
        return std::ranges::find(r.names, name) != r.names.end();
    });
    if (recipe == kRecipes.end()) {
        return Error{
            ErrorCode::kInvalid, fmt::format("tokenizer.ggml.pre: '{}' is not known", name.substr(0, 80))
        };
    }
    auto pretokenizer = Pretokenizer::read(steps_of(*recipe));
    if (!pretokenizer) {
        return pretokenizer.error();
    }
    auto normalizer = Normalizer::read(recipe->is_nfc ? Json::object({{"type", "NFC"}}) : Json());
    if (!normalizer) {
        return normalizer.error();
    }
    return GgufPretokenizer{
        .pretokenizer = std::move(*pretokenizer),
        .normalizer = std::move(*normalizer),
        .ignore_merges = recipe->ignore_merges,
        .adds_bos = recipe->adds_bos
    };
}

}  // namespace capstan::text
