#include "text/tokenizer_folder.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"

namespace capstan::text {
namespace {

using Ids = std::vector<std::int32_t>;

const std::filesystem::path kGoldens = source_directory() / "tests/golden/text";

class TokenizerFolder : public testing::Test {
protected:
    void SetUp() override {
        const auto* info = testing::UnitTest::GetInstance()->current_test_info();
        folder_ = std::filesystem::temp_directory_path() /
                  ("capstan_tokenizer_folder_" + std::string(info->name()));
        std::filesystem::remove_all(folder_);
    }

    void TearDown() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& name, std::string_view content) {
        ASSERT_TRUE(replace_file(folder_ / name, content));
    }

    Tokenizer loaded() {
        auto tokenizer = Tokenizer::load(folder_);
        EXPECT_TRUE(tokenizer) << tokenizer.error().message;
        return std::move(*tokenizer);
    }

    std::filesystem::path folder_;
};

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

// The tokens of a tokenizer.json of WordPiece, a line each.
std::string vocabulary_lines(const Json& file) {
    std::vector<std::string> tokens(file["model"]["vocab"].as_object()->size());
    for (const auto& [token, id] : *file["model"]["vocab"].as_object()) {
        tokens[static_cast<std::size_t>(*id.as_int())] = token;
    }
    std::string lines;
    for (const std::string& token : tokens) {
        lines += token + "\n";
    }
    return lines;
}

TEST_F(TokenizerFolder, VocabularyTextIsBertAsTheConfigurationSays) {
    const Json all = read_json("model_encodings.json");
    const Json::Array& texts = *all["texts"].as_array();
    for (const auto& [name, config] :
         {std::pair("bert", "{}"),
          std::pair("bert_cased", R"({"do_lower_case": false, "cls_token": "[CLS]"})")}) {
        write("vocab.txt", vocabulary_lines(read_json(std::string("model_") + name + ".json")));
        write("tokenizer_config.json", config);
        const Tokenizer tokenizer = loaded();
        for (std::size_t i = 0; i < texts.size(); ++i) {
            EXPECT_EQ(
                tokenizer.encode(*texts[i].as_string()),
                ids_of((*all["tokenizers"][name]["rows"].as_array())[i]["ids"])
            ) << name
              << ' ' << texts[i].dump();
        }
        EXPECT_EQ(tokenizer.encode("", {.add_special_tokens = true}).size(), 2U);
    }
}

TEST_F(TokenizerFolder, SentencePieceFileBeginsOrEndsTextsByItsKind) {
    write("tokenizer.model", *read_file(kGoldens / "sentence_piece_bpe.model"));
    write(
        "tokenizer_config.json",
        R"({"added_tokens_decoder": {"900": {"content": "<|call|>", "special": true}}})"
    );
    const Tokenizer bpe = loaded();
    EXPECT_EQ(bpe.encode("", {.add_special_tokens = true}), Ids{1});
    EXPECT_EQ(bpe.encode("<|call|>"), Ids{900});
    EXPECT_EQ(bpe.vocabulary_size(), 901U);
    write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true})");
    EXPECT_EQ(loaded().encode("", {.add_special_tokens = true}), Ids{2});
    std::filesystem::remove(folder_ / "tokenizer.model");
    write("spiece.model", *read_file(kGoldens / "sentence_piece_unigram.model"));
    write("tokenizer_config.json", "{}");
    EXPECT_EQ(loaded().encode("", {.add_special_tokens = true}), Ids{2});
}

TEST_F(TokenizerFolder, XlmRobertaNumbersPiecesAsFairseq) {
    write("sentencepiece.bpe.model", *read_file(kGoldens / "sentence_piece_unigram.model"));
    write("tokenizer_config.json", "{}");
    const Ids plain = loaded().encode("the year");
    write("tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})");
    const Tokenizer tokenizer = loaded();
    Ids expected = {0};
    for (const std::int32_t id : plain) {
        expected.push_back(id + 1);
    }
    expected.push_back(2);
    EXPECT_EQ(tokenizer.encode("the year", {.add_special_tokens = true}), expected);
    EXPECT_EQ(tokenizer.id_of("<mask>"), static_cast<std::int32_t>(tokenizer.vocabulary_size()) - 1);
    EXPECT_EQ(tokenizer.decode(expected), "the year");
}

TEST_F(TokenizerFolder, VocabularyAndMergesAreBpeOnBytes) {
    const Json file = read_json("tokenizer_gpt2.json");
    const Json all = read_json("encodings.json");
    std::string merges = "#version: 0.2\n";
    for (const Json& merge : *file["model"]["merges"].as_array()) {
        merges += *(*merge.as_array())[0].as_string() + " " + *(*merge.as_array())[1].as_string() + "\n";
    }
    write("vocab.json", file["model"]["vocab"].dump());
    write("merges.txt", merges);
    const Tokenizer tokenizer = loaded();
    for (const std::size_t i : {3U, 4U, 5U, 8U, 15U, 30U, 40U}) {
        EXPECT_EQ(
            tokenizer.encode(*(*all["texts"].as_array())[i].as_string()),
            ids_of((*all["tokenizers"]["gpt2"].as_array())[i]["ids"])
        );
    }
}

TEST_F(TokenizerFolder, SaysWhatIsMissingOrWrong) {
    write("other.txt", "");
    EXPECT_EQ(Tokenizer::load(folder_).error().code, ErrorCode::kNotFound);
    write("vocab.json", "{\"a\": -1}");
    write("merges.txt", "");
    EXPECT_NE(Tokenizer::load(folder_).error().message.find("'a' has no id"), std::string::npos);
    write("vocab.txt", "[UNK]\na\n");
    EXPECT_NE(Tokenizer::load(folder_).error().message.find("cls_token"), std::string::npos);
    write("tokenizer.model", "\x0A\xFF");
    EXPECT_NE(
        Tokenizer::load(folder_).error().message.find("tokenizer.model: the file is cut off"),
        std::string::npos
    );
    write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "a"}}})");
    write("tokenizer.model", *read_file(kGoldens / "sentence_piece_bpe.model"));
    EXPECT_NE(Tokenizer::load(folder_).error().message.find("the id 'x'"), std::string::npos);
}

}  // namespace
}  // namespace capstan::text
