#include "text/tokenizer.h"

#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "text/bpe_trainer.h"
#include "text/limits.h"
#include "text/stream_decoder.h"
#include "text/tokenizer_writer.h"

namespace capstan::text {
namespace {

using Ids = std::vector<std::int32_t>;

Json small_file() {
    BpeTrainer trainer({.vocabulary_size = 300, .special_tokens = {"<|endoftext|>", "<|end|>"}});
    trainer.add("the cat sat on the mat; the cat ate. 日本語 日本語");
    return tokenizer_json(*trainer.train());
}

Tokenizer small_tokenizer() {
    return std::move(*Tokenizer::parse(small_file().dump()));
}

std::string refusal(const std::string& json) {
    const auto tokenizer = Tokenizer::parse(json);
    return tokenizer ? "it was taken" : tokenizer.error().message;
}

std::string refusal_of_model(const std::string& model) {
    return refusal(fmt::format(R"({{"model": {}}})", model));
}

TEST(Tokenizer, BytesSurviveEncodingAndDecodingWhenTheyAreText) {
    const Tokenizer tokenizer = small_tokenizer();
    for (const std::string text : {"", "the cat", "日本語 😀 é\u0301", "\n\t  \r\n", "a<|end|>b"}) {
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text), false), text);
    }
}

TEST(Tokenizer, BrokenBytesAreKeptAsIds) {
    const Tokenizer tokenizer = small_tokenizer();
    const Ids ids = tokenizer.encode("a\xFF\xFEz");
    EXPECT_EQ(ids.size(), 4U);
    EXPECT_EQ(tokenizer.decode(ids), "a\uFFFD\uFFFDz");
}

TEST(Tokenizer, SpecialTokensFromStrangersCanBeText) {
    const Tokenizer tokenizer = small_tokenizer();
    EXPECT_EQ(tokenizer.encode("<|end|>"), Ids{1});
    const Ids as_text = tokenizer.encode("<|end|>", {.parse_special_tokens = false});
    EXPECT_GT(as_text.size(), 1U);
    EXPECT_EQ(tokenizer.decode(as_text), "<|end|>");
    EXPECT_EQ(tokenizer.decode(Ids{1, 1}), "");
    EXPECT_EQ(tokenizer.decode(Ids{1}, false), "<|end|>");
}

TEST(Tokenizer, SpecialTokensInWhatIsLiteralAreText) {
    const Tokenizer tokenizer = small_tokenizer();
    const std::string text = "a<|end|>b<|end|>";
    const auto found = tokenizer.special_tokens_in(text);
    EXPECT_EQ(found, (std::vector<ByteRange>{{1, 8}, {9, 16}}));
    EXPECT_EQ(
        tokenizer.encode(text, {.literal = found}), tokenizer.encode(text, {.parse_special_tokens = false})
    );
    const Ids half = tokenizer.encode(text, {.literal = std::span(found).first(1)});
    EXPECT_EQ(std::ranges::count(half, 1), 1);
    EXPECT_EQ(half.back(), 1);
    EXPECT_EQ(tokenizer.decode(half, false), text);
    EXPECT_TRUE(tokenizer.special_tokens_in("a<|end|b").empty());
}

// Such tokens are looked for in the normalized text, where places are not those of the text.
TEST(Tokenizer, SpecialTokensThatNormalizingMakesAreTextInWhatIsLiteral) {
    const auto tokenizer = Tokenizer::parse(R"({
        "normalizer": {"type": "NFKC"},
        "added_tokens": [{"id": 3, "content": "<|", "special": true, "normalized": true}],
        "model": {"type": "BPE", "vocab": {"<": 0, "|": 1, "a": 2}, "merges": []}
    })");
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    const std::string text = "a\uFF1C|a<|";  // A full-width "<".
    EXPECT_EQ(tokenizer->encode(text), (Ids{2, 3, 2, 3}));
    const auto found = tokenizer->special_tokens_in(text);
    EXPECT_EQ(found, (std::vector<ByteRange>{{0, text.size()}}));
    EXPECT_EQ(tokenizer->encode(text, {.literal = found}), (Ids{2, 0, 1, 2, 0, 1}));
    EXPECT_EQ(tokenizer->encode(text + "<|", {.literal = found}), (Ids{2, 0, 1, 2, 0, 1, 3}));
}

TEST(Tokenizer, IdsOutOfRangeAreNothing) {
    const Tokenizer tokenizer = small_tokenizer();
    EXPECT_EQ(tokenizer.decode(Ids{-1, 1'000'000, 2'147'483'647}), "");
    EXPECT_EQ(tokenizer.token_of(-1), "");
    EXPECT_EQ(tokenizer.token_of(300), "");
    EXPECT_FALSE(tokenizer.is_special(-5));
    EXPECT_EQ(tokenizer.bytes_of(12'345), std::nullopt);
    EXPECT_EQ(tokenizer.id_of("no such token"), std::nullopt);
}

TEST(Tokenizer, LongWordsMergeAsShortOnesDo) {
    const Tokenizer tokenizer = small_tokenizer();
    // Above the length where the heap takes over, a repeated word is its ids repeated.
    std::string repeated;
    Ids expected;
    for (int i = 0; i < 40; ++i) {
        repeated += " the";
    }
    const Ids one = tokenizer.encode(" the");
    for (int i = 0; i < 40; ++i) {
        expected.insert(expected.end(), one.begin(), one.end());
    }
    EXPECT_EQ(tokenizer.encode(repeated), expected);
    const std::string run(5'000, 'a');
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(run)), run);
}

TEST(Tokenizer, ThreadsEncodeAlike) {
    const Tokenizer tokenizer = small_tokenizer();
    const std::string text = "the cat sat on the mat and the rat sat on the cat";
    const Ids expected = tokenizer.encode(text);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 200; ++round) {
                EXPECT_EQ(tokenizer.encode(text), expected);
            }
        });
    }
}

TEST(Tokenizer, RefusesOtherModelsByName) {
    EXPECT_EQ(
        refusal_of_model(R"({"type": "WordLevel"})"),
        "tokenizer.json: model type 'WordLevel' is not supported"
    );
    EXPECT_EQ(refusal("{}"), "tokenizer.json: model type '' is not supported");
    EXPECT_NE(refusal("[]").find("tokenizer.json"), std::string::npos);
    EXPECT_NE(refusal("{").find("tokenizer.json"), std::string::npos);
}

TEST(Tokenizer, RefusesBadVocabularies) {
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": -1}, "merges": []})").find("'a' has the id -1"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": 1000000}, "merges": []})").find("1000000"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": 1.5}, "merges": []})").find("'a'"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []})")
            .find("both have id 0"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {}, "merges": []})").find("0 tokens"), std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": [], "merges": []})").find("'vocab'"), std::string::npos
    );
    EXPECT_NE(refusal_of_model(R"({"type": "BPE", "vocab": {"a": 0}})").find("'merges'"), std::string::npos);
    const std::string long_token(kTokenBytesMax + 1, 'x');
    EXPECT_NE(
        refusal_of_model(fmt::format(R"({{"type": "BPE", "vocab": {{"{}": 0}}, "merges": []}})", long_token))
            .find("bytes"),
        std::string::npos
    );
}

TEST(Tokenizer, RefusesBadModelsOfOtherKinds) {
    EXPECT_NE(
        refusal_of_model(R"({"type": "WordPiece", "vocab": {"a": 0}})").find("unk_token '[UNK]'"),
        std::string::npos
    );
    EXPECT_NE(refusal_of_model(R"({"type": "WordPiece", "vocab": []})").find("'vocab'"), std::string::npos);
    EXPECT_NE(refusal_of_model(R"({"type": "Unigram", "vocab": {}})").find("'vocab'"), std::string::npos);
    EXPECT_NE(refusal_of_model(R"({"type": "Unigram", "vocab": []})").find("0 tokens"), std::string::npos);
    EXPECT_NE(
        refusal_of_model(R"({"type": "Unigram", "vocab": [["a", 0], ["b"]]})").find("token 1 is not"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "Unigram", "vocab": [["a", 0]], "unk_id": 1})").find("unk_id 1"),
        std::string::npos
    );
    const std::string long_token(kTrieTokenBytesMax + 1, 'x');
    EXPECT_NE(
        refusal_of_model(fmt::format(R"({{"type": "Unigram", "vocab": [["{}", 0]]}})", long_token))
            .find("the longest token has 1025 bytes"),
        std::string::npos
    );
}

TEST(Tokenizer, RefusesBadMergesAndNamesTheMissingToken) {
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]})")
            .find("needs the token 'ab'"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a z"]})")
            .find("needs the token 'z'"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["abc"]})").find("not two tokens"),
        std::string::npos
    );
    EXPECT_NE(
        refusal_of_model(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [[1, 2]]})").find("not two tokens"),
        std::string::npos
    );
}

TEST(Tokenizer, RefusesWhatItDoesNotKnow) {
    const auto with = [](std::string_view name, const char* value) {
        Json file = small_file();
        file.set(name, *parse_json(value));
        return refusal(file.dump());
    };
    EXPECT_EQ(
        with("normalizer", R"({"type": "Nmt"})"), "tokenizer.json: normalizer: type 'Nmt' is not supported"
    );
    EXPECT_NE(
        with("pre_tokenizer", R"({"type": "UnicodeScripts"})").find("pre_tokenizer"), std::string::npos
    );
    EXPECT_NE(
        with("pre_tokenizer", R"({"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "("}})")
            .find("regular expression"),
        std::string::npos
    );
    EXPECT_NE(
        with(
            "pre_tokenizer",
            R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]})"
        )
            .find("ByteLevel must be the last"),
        std::string::npos
    );
    EXPECT_NE(with("decoder", R"({"type": "CTC"})").find("decoder"), std::string::npos);
    EXPECT_NE(
        with(
            "post_processor", R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]})"
        )
            .find("'<s>' has no ids"),
        std::string::npos
    );
    EXPECT_NE(with("added_tokens", R"([{"id": -4, "content": "<x>"}])").find("'<x>'"), std::string::npos);
    EXPECT_NE(with("added_tokens", R"([{"id": 4}])").find("content"), std::string::npos);
}

TEST(Tokenizer, RefusesNestingWithoutEnd) {
    std::string sequence = R"({"type": "Digits"})";
    for (int i = 0; i < 20; ++i) {
        sequence = fmt::format(R"({{"type": "Sequence", "pretokenizers": [{}]}})", sequence);
    }
    Json file = small_file();
    file.set("pre_tokenizer", *parse_json(sequence));
    EXPECT_NE(refusal(file.dump()).find("steps"), std::string::npos);
}

TEST(Tokenizer, ReplacementsDoNotMultiplyWithoutEnd) {
    std::string steps;
    for (int i = 0; i < 30; ++i) {
        steps += R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"},)";
    }
    Json file = small_file();
    file.set(
        "normalizer",
        *parse_json(fmt::format(R"({{"type": "Sequence", "normalizers": [{}{{"type": "NFC"}}]}})", steps))
    );
    const auto tokenizer = Tokenizer::parse(file.dump());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_LT(tokenizer->encode("a").size(), 10'000U);
}

TEST(Tokenizer, ExpressionsNeverSeeBrokenText) {
    Json file = small_file();
    file.set(
        "normalizer", *parse_json(R"({"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": "_"})")
    );
    const auto tokenizer = Tokenizer::parse(file.dump());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("a \xFF\xE6\x97 z")), "a_\uFFFD\uFFFD_z");
}

TEST(Tokenizer, AddedTokensAreLimitedTogether) {
    Json::Array tokens;
    for (int i = 0; i < 3'000; ++i) {
        tokens.push_back(Json::object({{"id", 300 + i}, {"content", fmt::format("{:0>500}", i)}}));
    }
    Json file = small_file();
    file.set("added_tokens", Json(std::move(tokens)));
    EXPECT_NE(refusal(file.dump()).find("the added tokens have more than"), std::string::npos);
}

TEST(Tokenizer, SaysWhichFileIsMissing) {
    const auto tokenizer = Tokenizer::load("/no/such/folder/tokenizer.json");
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kNotFound);
    EXPECT_NE(tokenizer.error().message.find("/no/such/folder"), std::string::npos);
}

TEST(StreamDecoder, KeepsACharacterUntilItIsWhole) {
    const Tokenizer tokenizer = small_tokenizer();
    StreamDecoder decoder(tokenizer);
    const Ids ids = tokenizer.encode("\xF0\x9F\x98\x80", {});
    ASSERT_EQ(ids.size(), 4U);  // A byte each: the emoji is not in the training text.
    EXPECT_EQ(decoder.push(ids[0]), "");
    EXPECT_EQ(decoder.push(ids[1]), "");
    EXPECT_EQ(decoder.push(ids[2]), "");
    EXPECT_EQ(decoder.push(ids[3]), "😀");
    EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, MarksWhatNeverCameWhole) {
    const Tokenizer tokenizer = small_tokenizer();
    StreamDecoder decoder(tokenizer);
    const Ids ids = tokenizer.encode("\xF0\x9F\x98\x80");
    EXPECT_EQ(decoder.push(ids[0]), "");
    EXPECT_EQ(decoder.push(*tokenizer.id_of("x")), "\uFFFDx");
    EXPECT_EQ(decoder.push(ids[0]), "");
    EXPECT_EQ(decoder.push(1), "");  // Special tokens are skipped, and end nothing.
    EXPECT_EQ(decoder.push(-7), "");
    EXPECT_EQ(decoder.finish(), "\uFFFD");
    EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, ShowsTheSpecialTokensThatItIsAskedFor) {
    const Tokenizer tokenizer = small_tokenizer();
    StreamDecoder decoder(tokenizer);
    decoder.show(1);
    EXPECT_EQ(decoder.push(1), "<|end|>");
    EXPECT_EQ(decoder.push(0), "");
}

TEST(StreamDecoder, ByteFallbackComesOutWholeToo) {
    const auto tokenizer = Tokenizer::load(source_directory() / "tests/golden/text/tokenizer_llama2.json");
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    StreamDecoder decoder(*tokenizer);
    std::string streamed;
    for (const std::int32_t id : tokenizer->encode("Grüße an 🦄 und 日本")) {
        const std::string piece = decoder.push(id);
        EXPECT_EQ(piece.find("\uFFFD"), std::string::npos);
        streamed += piece;
    }
    EXPECT_EQ(streamed + decoder.finish(), "Grüße an 🦄 und 日本");
}

}  // namespace
}  // namespace capstan::text
