#include "engine/files/model_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/files/gguf_text.h"
#include "engine/files/gguf_writer.h"
#include "engine/files/random_vocabulary.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

class ModelTextTest : public testing::Test {
protected:
    ModelTextTest() { std::filesystem::create_directories(path_.parent_path()); }

    GgufFile write(const GgufMetadata& metadata) {
        auto writer = GgufWriter::open(path_, metadata, {});
        EXPECT_TRUE(writer && writer->finish());
        auto file = GgufFile::open(path_);
        EXPECT_TRUE(file) << file.error().message;
        return std::move(*file);
    }

    std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) / new_id() / "t.gguf";
};

TEST_F(ModelTextTest, EncodesAndDecodesWithASentencePieceVocabulary) {
    GgufMetadata metadata;
    add_sentence_piece_vocabulary(metadata, 32'000);
    write(metadata);
    const auto tokenizer = load_tokenizer(path_);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->vocabulary_size(), 32'000U);
    const std::string text = "hello World, grüße 123";
    const auto ids = tokenizer->encode(text, {.add_special_tokens = true});
    EXPECT_EQ(ids.front(), 1);
    EXPECT_LT(ids.size(), text.size());
    EXPECT_THAT(tokenizer->decode(ids), HasSubstr(text));
}

TEST_F(ModelTextTest, EncodesAndDecodesWithLlama3sVocabularyAndTemplate) {
    GgufMetadata metadata;
    add_llama3_vocabulary(metadata);
    write(metadata);
    const auto tokenizer = load_tokenizer(path_);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    const std::string text = "hello World, grüße 123";
    const auto ids = tokenizer->encode(text, {.add_special_tokens = false});
    EXPECT_LT(ids.size(), text.size());
    EXPECT_EQ(tokenizer->decode(ids), text);
    const auto chat = load_chat_template(path_);
    ASSERT_TRUE(chat) << chat.error().message;
    const auto rendered = chat->render(Json::array({Json::object({{"role", "user"}, {"content", "Hi"}})}));
    ASSERT_TRUE(rendered) << rendered.error().message;
    EXPECT_EQ(
        *rendered,
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>"
        "assistant<|end_header_id|>\n\n"
    );
}

TEST_F(ModelTextTest, ReadsBackWhatWasWritten) {
    GgufMetadata metadata;
    add_tokenizer(
        metadata,
        {.model = "llama",
         .pre = "default",
         .tokens = {"<unk>", "<s>", "</s>", "a", "b", "ab", "\u2581"},
         .scores = {0, 0, 0, -5, -6, -1, -7},
         .types = {2, 3, 3, 1, 1, 1, 1},
         .bos_id = 1,
         .eos_id = 2,
         .unknown_id = 0,
         .add_bos = false,
         .add_eos = true,
         .add_space_prefix = false}
    );
    add_chat_templates(metadata, {{"default", "plain"}, {"tool_use", "{{ eos_token }} with tools"}});
    const GgufFile file = write(metadata);
    const auto tokenizer = tokenizer_of(file);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_THAT(tokenizer->encode("ab", {.add_special_tokens = true}), testing::ElementsAre(5, 2));
    const auto chat = chat_template_of(file);
    ASSERT_TRUE(chat) << chat.error().message;
    const Json tools = Json::array({Json::object({{"type", "function"}})});
    EXPECT_EQ(chat->render(Json::array()).value(), "plain");
    EXPECT_EQ(chat->render(Json::array(), {.tools = tools}).value(), "</s> with tools");
}

TEST_F(ModelTextTest, NamesTheKeyOfAnotherKind) {
    GgufMetadata metadata;
    metadata.add("tokenizer.ggml.model", "llama");
    metadata.add("tokenizer.ggml.tokens", 7U);
    EXPECT_THAT(tokenizer_of(write(metadata)).error().message, HasSubstr("tokenizer.ggml.tokens"));
    metadata.add("tokenizer.chat_template", true);
    EXPECT_THAT(chat_template_of(write(metadata)).error().message, HasSubstr("tokenizer.chat_template"));
    EXPECT_EQ(chat_template_of(write({})).error().code, ErrorCode::kNotFound);
    EXPECT_FALSE(tokenizer_of(write({})));
}

}  // namespace
}  // namespace capstan::engine
