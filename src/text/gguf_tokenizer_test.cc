#include "text/gguf_tokenizer.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "text/sentence_piece_file.h"

namespace capstan::text {
namespace {

using Ids = std::vector<std::int32_t>;

const std::filesystem::path kGoldens = source_directory() / "tests/golden/text";

Json read_json(const std::string& name) {
    return *parse_json(*read_file(kGoldens / name));
}

Ids ids_of(const Json& json) {
    Ids ids;
    for (const Json& id : *json.as_array()) {
        ids.push_back(static_cast<std::int32_t>(*id.as_int()));
    }
    return ids;
}

// What llama.cpp's converter would write for a tokenizer.json of BPE or WordPiece.
GgufTokenizer converted(const Json& file, const std::string& model, const std::string& pre) {
    GgufTokenizer metadata{.model = model, .pre = pre};
    const auto place = [&](std::size_t id) -> std::string& {
        if (metadata.tokens.size() <= id) {
            metadata.tokens.resize(id + 1);
            metadata.types.resize(id + 1, 1);
        }
        return metadata.tokens[id];
    };
    for (const auto& [token, id] : *file["model"]["vocab"].as_object()) {
        std::string text = token;
        if (model == "bert") {
            text = token.starts_with("##") ? token.substr(2) : "\u2581" + token;
        }
        place(static_cast<std::size_t>(*id.as_int())) = text;
    }
    for (const Json& token : *file["added_tokens"].as_array()) {
        const auto id = static_cast<std::size_t>(token.int_or("id", 0));
        place(id) = token.string_or("content", "");
        metadata.types[id] = token.bool_or("special", false) ? 3 : 4;
    }
    const Json::Array* merges = file["model"]["merges"].as_array();
    for (std::size_t i = 0; merges != nullptr && i < merges->size(); ++i) {
        const Json::Array& pair = *(*merges)[i].as_array();
        metadata.merges.push_back(*pair[0].as_string() + " " + *pair[1].as_string());
    }
    return metadata;
}

// And for a file of SentencePiece.
GgufTokenizer converted_pieces(const std::string& name) {
    auto file = *read_sentence_piece_file(*read_file(kGoldens / ("sentence_piece_" + name + ".model")));
    GgufTokenizer metadata{
        .model = file.spec.is_unigram ? "t5" : "llama",
        .charsmap = file.spec.charsmap,
        .unknown_id = file.spec.unknown_id,
        .add_bos = false,
        .add_eos = false,
        .add_space_prefix = file.spec.prepends_space,
        .joins_spaces = file.spec.joins_spaces
    };
    for (const Piece& piece : file.spec.pieces) {
        metadata.tokens.push_back(piece.text);
        metadata.scores.push_back(piece.score);
        metadata.types.push_back(static_cast<std::int32_t>(piece.type));
    }
    return metadata;
}

Tokenizer made(GgufTokenizer metadata) {
    auto tokenizer = tokenizer_from_gguf(std::move(metadata));
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    return std::move(*tokenizer);
}

std::string refusal(GgufTokenizer metadata) {
    const auto tokenizer = tokenizer_from_gguf(std::move(metadata));
    return tokenizer ? "it was taken" : tokenizer.error().message;
}

TEST(GgufTokenizer, ByteLevelGivesTheIdsOfHuggingFace) {
    const Json all = read_json("encodings.json");
    const Json::Array& texts = *all["texts"].as_array();
    for (const auto& [name, pre] :
         {std::pair("gpt2", "gpt-2"),
          std::pair("llama3", "llama-bpe"),
          std::pair("qwen2", "qwen2"),
          std::pair("o200k", "gpt-4o")}) {
        const Json file = read_json(std::string("tokenizer_") + name + ".json");
        const Tokenizer tokenizer = made(converted(file, "gpt2", pre));
        const Tokenizer reference = *Tokenizer::load(kGoldens / (std::string("tokenizer_") + name + ".json"));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const std::string& text = *texts[i].as_string();
            // A GGUF file cannot say what a token strips, or that it is a word of its own or normalized.
            if (!text.contains("<mask>") && !text.contains("<r>") && !text.contains("word") &&
                !text.contains("Normal")) {
                EXPECT_EQ(tokenizer.encode(text), ids_of((*all["tokenizers"][name].as_array())[i]["ids"]))
                    << name << ' ' << texts[i].dump();
                EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), reference.decode(reference.encode(text)));
            }
        }
    }
}

TEST(GgufTokenizer, WordPieceGivesTheIdsAndPairsOfHuggingFace) {
    const Json file = read_json("model_bert.json");
    const Json all = read_json("model_encodings.json");
    GgufTokenizer metadata = converted(file, "bert", "");
    metadata.unknown_id = 1;
    metadata.cls_id = 2;
    metadata.separator_id = 3;
    const Tokenizer tokenizer = made(std::move(metadata));
    const Json::Array& texts = *all["texts"].as_array();
    for (std::size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(
            tokenizer.encode(*texts[i].as_string()),
            ids_of((*all["tokenizers"]["bert"]["rows"].as_array())[i]["ids"])
        ) << texts[i].dump();
    }
    EXPECT_EQ(tokenizer.encode("", {.add_special_tokens = true}), (Ids{2, 3}));
    const EncodedPair pair = tokenizer.encode_pair("a", "b", {.add_special_tokens = true});
    EXPECT_EQ(pair.type_ids, (Ids{0, 0, 0, 1, 1}));
    EXPECT_EQ(tokenizer.decode(tokenizer.encode("The year.")), "the year.");
}

TEST(GgufTokenizer, SentencePieceGivesTheIdsOfSentencePiece) {
    const Json all = read_json("model_encodings.json");
    const Json::Array& texts = *all["texts"].as_array();
    for (const std::string name : {"bpe", "bpe_plain", "unigram", "unigram_bytes"}) {
        const Tokenizer tokenizer = made(converted_pieces(name));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            EXPECT_EQ(
                tokenizer.encode(*texts[i].as_string(), {.parse_special_tokens = false}),
                ids_of((*all["sentence_piece"][name].as_array())[i]["ids"])
            ) << name
              << ' ' << texts[i].dump();
        }
    }
}

TEST(GgufTokenizer, AddsTheTokensThatTheFileAndTheModelAskFor) {
    GgufTokenizer metadata = converted_pieces("bpe");
    metadata.add_bos.reset();
    const std::size_t before = made(metadata).encode("a", {}).size();
    const Ids ids = made(metadata).encode("a", {.add_special_tokens = true});
    EXPECT_EQ(ids.front(), 1);  // Llama's default.
    EXPECT_EQ(ids.size(), before + 1);
    metadata.add_eos = true;
    metadata.eos_id = 5;
    EXPECT_EQ(made(metadata).encode("a", {.add_special_tokens = true}).back(), 5);
    GgufTokenizer encoder = converted_pieces("unigram");
    encoder.bos_id = 1;
    encoder.eos_id = 2;
    encoder.add_bos = encoder.add_eos = true;
    const Ids pair = made(encoder).encode_pair("", "", {.add_special_tokens = true}).ids;
    EXPECT_EQ(pair, (Ids{1, 2, 2, 2}));  // As XLM-RoBERTa compares texts.
}

TEST(GgufTokenizer, FindsControlTokensInTextOnlyWhenAsked) {
    const Tokenizer tokenizer = made(converted_pieces("bpe"));
    EXPECT_EQ(tokenizer.encode("<s>").size(), 1U);
    EXPECT_GT(tokenizer.encode("<s>", {.parse_special_tokens = false}).size(), 1U);
    EXPECT_TRUE(tokenizer.is_special(1));
    EXPECT_EQ(tokenizer.decode(tokenizer.encode("<s>", {.parse_special_tokens = false})), "<s>");
}

TEST(GgufTokenizer, RefusesWhatDoesNotFitTogetherByItsKey) {
    EXPECT_NE(refusal({.model = "rwkv", .tokens = {"a"}}).find("'rwkv' is not supported"), std::string::npos);
    EXPECT_NE(refusal({.model = "llama"}).find("0 tokens"), std::string::npos);
    EXPECT_NE(refusal({.model = "llama", .tokens = {"a"}}).find("scores has 0 of 1"), std::string::npos);
    EXPECT_NE(
        refusal({.model = "llama", .tokens = {"a"}, .scores = {0}, .types = {1, 1}}).find("token_type has 2"),
        std::string::npos
    );
    EXPECT_NE(
        refusal({.model = "llama", .tokens = {"a"}, .scores = {0}, .bos_id = 1}).find("bos_token_id"),
        std::string::npos
    );
    EXPECT_NE(
        refusal({.model = "llama", .tokens = {"a"}, .scores = {0}}).find("there is no token 1"),
        std::string::npos
    );
    EXPECT_NE(
        refusal({.model = "llama", .tokens = {"a", "b\xe2\x96"}, .scores = {0, 0}, .add_bos = false})
            .find("token 1 is not UTF-8"),
        std::string::npos
    );
    EXPECT_NE(
        refusal({.model = "gpt2", .pre = "no-such", .tokens = {"a"}}).find("pre: 'no-such'"),
        std::string::npos
    );
    EXPECT_NE(
        refusal({.model = "gpt2", .pre = "gpt-2", .tokens = {"a"}, .merges = {"ab"}}).find("merge 0"),
        std::string::npos
    );
    EXPECT_NE(
        refusal({.model = "gpt2", .pre = "gpt-2", .tokens = {"a"}, .merges = {"a b"}})
            .find("needs the token"),
        std::string::npos
    );
    EXPECT_NE(refusal({.model = "bert", .tokens = {"a"}}).find("there is no token 10"), std::string::npos);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_NE(
        refusal({.model = "llama", .tokens = {"a"}, .scores = {nan}, .add_bos = false})
            .find("no finite score"),
        std::string::npos
    );
    EXPECT_NE(
        refusal({.model = "t5", .tokens = {"a"}, .scores = {0}, .charsmap = "abcdefgh", .add_eos = false})
            .find("map of characters"),
        std::string::npos
    );
}

}  // namespace
}  // namespace capstan::text
