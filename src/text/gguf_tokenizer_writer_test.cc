#include "text/gguf_tokenizer_writer.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "text/gguf_pretokenizer.h"
#include "text/tokenizer.h"

namespace capstan::text {
namespace {

using testing::HasSubstr;

using Ids = std::vector<std::int32_t>;

const std::filesystem::path kGoldens = source_directory() / "tests/golden/text";

Json read_json(const std::string& name) {
    return *parse_json(*read_file(kGoldens / name));
}

// A folder with one of the goldens' tokenizers.
class GgufTokenizerWriter : public testing::Test {
protected:
    void SetUp() override {
        const auto* info = testing::UnitTest::GetInstance()->current_test_info();
        folder_ =
            std::filesystem::temp_directory_path() / ("capstan_gguf_writer_" + std::string(info->name()));
        std::filesystem::remove_all(folder_);
    }

    void TearDown() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& name, std::string_view content) {
        ASSERT_TRUE(replace_file(folder_ / name, content));
    }

    void write_tokenizer(const Json& json, const Json& config = Json::object()) {
        write("tokenizer.json", json.dump());
        write("tokenizer_config.json", config.dump());
    }

    std::string refusal(std::size_t rows = 1'024) {
        const auto made = gguf_tokenizer_of_folder(folder_, rows);
        return made ? "" : made.error().message;
    }

    // The goldens' own tokens that strip spaces, or stand alone: the format cannot say that.
    static bool has_odd_token(const std::string& text) {
        return text.contains("<mask>") || text.contains("<r>") || text.contains("word") ||
               text.contains("Normal");
    }

    // Every text of the goldens, with and without what is put around it, and back.
    void expect_the_same(const GgufTokenizer& metadata, bool parses_special = true) {
        const auto wanted = Tokenizer::load(folder_);
        const auto made = tokenizer_from_gguf(metadata);
        ASSERT_TRUE(wanted && made) << (made ? "" : made.error().message);
        for (const char* file : {"model_encodings.json", "encodings.json"}) {
            for (const Json& item : *read_json(file)["texts"].as_array()) {
                const std::string& text = *item.as_string();
                const bool has_own_space = metadata.add_space_prefix.value_or(false) &&
                                           (text.starts_with(' ') || text.starts_with("\u2581"));
                if (has_odd_token(text) || has_own_space) {
                    continue;
                }
                for (const bool adds : {false, true}) {
                    const EncodeOptions options = {
                        .add_special_tokens = adds, .parse_special_tokens = parses_special
                    };
                    const Ids ids = wanted->encode(text, options);
                    EXPECT_EQ(made->encode(text, options), ids) << item.dump();
                    EXPECT_EQ(made->decode(ids), wanted->decode(ids)) << item.dump();
                }
            }
        }
    }

    std::filesystem::path folder_;
};

struct ByteLevelCase {
    std::string golden;
    std::string pre;
};

class ByteLevelGguf : public GgufTokenizerWriter, public testing::WithParamInterface<ByteLevelCase> {};

TEST_P(ByteLevelGguf, GivesTheIdsOfTheFoldersTokenizer) {
    write_tokenizer(read_json(GetParam().golden + ".json"));
    const auto made = gguf_tokenizer_of_folder(folder_, 720);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->model, "gpt2");
    EXPECT_EQ(made->pre, GetParam().pre);
    expect_the_same(*made);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    ByteLevelGguf,
    testing::Values(
        ByteLevelCase{"tokenizer_gpt2", "gpt-2"},
        ByteLevelCase{"tokenizer_llama3", "llama-bpe"},
        ByteLevelCase{"tokenizer_cl100k", "dbrx"},
        ByteLevelCase{"tokenizer_qwen2", "qwen2"},
        ByteLevelCase{"tokenizer_o200k", "gpt-4o"}
    ),
    [](const auto& info) { return info.param.golden; }
);

// The goldens of this kind were trained with one merge for a token. What is converted from SentencePiece has
// one for each way to cut it, in the order of its score.
Json with_all_merges(Json json) {
    const Json model = json["model"];
    Json::Array merges;
    std::set<std::string> made;
    for (const Json& merge : *model["merges"].as_array()) {
        const std::string whole = *(*merge.as_array())[0].as_string() + *(*merge.as_array())[1].as_string();
        if (!made.insert(whole).second) {
            continue;
        }
        for (std::size_t cut = 1; cut < whole.size(); ++cut) {
            const std::string left = whole.substr(0, cut);
            const std::string right = whole.substr(cut);
            if (model["vocab"].contains(left) && model["vocab"].contains(right)) {
                merges.push_back(Json::array({left, right}));
            }
        }
    }
    Json changed = model;
    changed.set("merges", Json(std::move(merges)));
    json.set("model", std::move(changed));
    return json;
}

TEST_F(GgufTokenizerWriter, GivesScoresThatMergeAsSentencePiecesMergesDo) {
    for (const auto& [golden, adds_space] :
         {std::pair("tokenizer_llama2", true),
          std::pair("model_gemma", false),
          std::pair("model_mistral", true)}) {
        write_tokenizer(with_all_merges(read_json(std::string(golden) + ".json")));
        const auto made = gguf_tokenizer_of_folder(folder_, 800);
        ASSERT_TRUE(made) << golden << ": " << made.error().message;
        EXPECT_EQ(made->model, "llama");
        EXPECT_EQ(made->add_space_prefix, adds_space) << golden;
        EXPECT_TRUE(made->add_bos.value_or(false)) << golden;
        expect_the_same(*made, false);
    }
}

TEST_F(GgufTokenizerWriter, RefusesMergesThatNoScoresStandFor) {
    write_tokenizer(read_json("model_gemma.json"));
    EXPECT_THAT(refusal(), HasSubstr("'merges'"));
}

TEST_F(GgufTokenizerWriter, TakesSentencePiecesOwnScores) {
    write("tokenizer.model", *read_file(kGoldens / "sentence_piece_bpe.model"));
    const auto made = gguf_tokenizer_of_folder(folder_, 1'000);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->model, "llama");
    expect_the_same(*made);
}

TEST_F(GgufTokenizerWriter, ReadsVocabularyAndMergesApart) {
    const Json json = read_json("tokenizer_gpt2.json");
    std::string merges = "#version: 0.2\n";
    for (const Json& merge : *json["model"]["merges"].as_array()) {
        merges += *(*merge.as_array())[0].as_string() + " " + *(*merge.as_array())[1].as_string() + "\n";
    }
    write("vocab.json", json["model"]["vocab"].dump());
    write("merges.txt", merges);
    const auto made = gguf_tokenizer_of_folder(folder_, 700);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->pre, "gpt-2");
    expect_the_same(*made);
}

TEST_F(GgufTokenizerWriter, HasATokenForEachRowAndNamesTheRolesOfSpecialOnes) {
    const Json config = Json::object(
        {{"bos_token", "<|endoftext|>"},
         {"eos_token", Json::object({{"content", "<|end|>"}})},
         {"pad_token", "<|endoftext|>"},
         {"unk_token", nullptr}}
    );
    write_tokenizer(read_json("tokenizer_llama3.json"), config);
    const auto made = gguf_tokenizer_of_folder(folder_, 710);
    ASSERT_TRUE(made) << made.error().message;
    const auto tokenizer = Tokenizer::load(folder_);
    EXPECT_EQ(made->bos_id, 700);
    EXPECT_EQ(made->eos_id, tokenizer->id_of("<|end|>"));
    EXPECT_EQ(made->padding_id, 700);
    EXPECT_TRUE(made->add_bos.value_or(false));
    EXPECT_TRUE(made->add_eos.value_or(false));
    ASSERT_EQ(made->tokens.size(), 710U);
    EXPECT_EQ(made->tokens.back(), "[PAD709]");
    EXPECT_EQ(made->types[0], 1);
    EXPECT_EQ(made->types[700], 3);
    EXPECT_EQ(made->types.back(), 5);
}

TEST_F(GgufTokenizerWriter, LeavesOutAddedTokensWithoutAnEmbedding) {
    write_tokenizer(read_json("tokenizer_gpt2.json"));
    const auto made = gguf_tokenizer_of_folder(folder_, 702);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->tokens.size(), 702U);
    EXPECT_EQ(made->tokens.back(), "<|system|>");
}

TEST_F(GgufTokenizerWriter, RefusesWhatNoFileCanSayByName) {
    write_tokenizer(read_json("tokenizer_gpt2.json"));
    EXPECT_THAT(refusal(300), HasSubstr("but the model has 300 embeddings"));
    write_tokenizer(read_json("tokenizer_splits.json"));
    EXPECT_THAT(refusal(), HasSubstr("'pre_tokenizer'"));
    write_tokenizer(read_json("tokenizer_gpt2_prefix.json"));
    EXPECT_THAT(refusal(), HasSubstr("'pre_tokenizer'"));
    write_tokenizer(read_json("tokenizer_metaspace.json"));
    EXPECT_THAT(refusal(), HasSubstr("'byte_fallback'"));
    write_tokenizer(read_json("tokenizer_clip.json"));
    EXPECT_THAT(refusal(), HasSubstr("'end_of_word_suffix'"));
    write_tokenizer(read_json("model_bert.json"));
    EXPECT_THAT(refusal(), HasSubstr("WordPiece"));
    write_tokenizer(read_json("model_unigram.json"));
    EXPECT_THAT(refusal(), HasSubstr("Unigram"));
    std::filesystem::remove(folder_ / "tokenizer.json");
    EXPECT_THAT(refusal(), HasSubstr("has no tokenizer.json"));
    write("tokenizer.model", *read_file(kGoldens / "sentence_piece_unigram.model"));
    EXPECT_THAT(refusal(), HasSubstr("Unigram"));
    write("tokenizer.model", *read_file(kGoldens / "sentence_piece_bpe_plain.model"));
    EXPECT_THAT(refusal(), HasSubstr("'remove_extra_whitespaces'"));
}

TEST_F(GgufTokenizerWriter, RefusesANormalizerThatTheFormatLacks) {
    Json json = read_json("tokenizer_llama2.json");
    Json lower = Json::object({{"type", "Lowercase"}});
    json.set(
        "normalizer",
        Json::object({{"type", "Sequence"}, {"normalizers", Json::array({lower, json["normalizer"]})}})
    );
    write_tokenizer(json);
    EXPECT_THAT(refusal(), HasSubstr("'normalizer'"));
}

TEST_F(GgufTokenizerWriter, RefusesATokenOfTwoIds) {
    Json json = read_json("tokenizer_gpt2.json");
    Json added = json["added_tokens"];
    added.push(Json::object({{"id", 705}, {"content", "e"}, {"special", true}}));
    json.set("added_tokens", std::move(added));
    write_tokenizer(json);
    EXPECT_THAT(refusal(), HasSubstr("the added token 'e' has two ids"));
}

TEST_F(GgufTokenizerWriter, RefusesOtherTokensAroundATextThanBosAndEos) {
    Json json = read_json("tokenizer_llama3.json");
    json.set(
        "post_processor",
        *parse_json(
            R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|user|>", "type_id": 0}},
            {"SpecialToken": {"id": "<|user|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<|user|>": {"id": "<|user|>", "ids": [702], "tokens": ["<|user|>"]}}})"
        )
    );
    write_tokenizer(json);
    EXPECT_THAT(refusal(), HasSubstr("'post_processor'"));
}

}  // namespace
}  // namespace capstan::text
