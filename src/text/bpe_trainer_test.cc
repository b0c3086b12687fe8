#include "text/bpe_trainer.h"

#include <gtest/gtest.h>

#include "base/id.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text/tokenizer_writer.h"

namespace capstan::text {
namespace {

BpeTrainer trainer_with(BpeSettings settings, const std::vector<std::string>& texts) {
    BpeTrainer trainer(std::move(settings));
    for (const std::string& text : texts) {
        trainer.add(text);
    }
    return trainer;
}

TEST(BpeTrainer, SpecialTokensComeFirstThenTheBytesThenTheMerges) {
    const auto vocabulary =
        trainer_with({.vocabulary_size = 259, .special_tokens = {"<|end|>"}}, {"abab abab"}).train();
    ASSERT_TRUE(vocabulary);
    ASSERT_EQ(vocabulary->tokens.size(), 259U);
    EXPECT_EQ(vocabulary->tokens[0], "<|end|>");
    EXPECT_EQ(vocabulary->tokens[1], "!");  // The alphabet sorts by its characters.
    EXPECT_EQ(vocabulary->tokens[257], "ab");
    EXPECT_EQ(vocabulary->tokens[258], "abab");
    EXPECT_EQ(vocabulary->merges.size(), 2U);
}

TEST(BpeTrainer, StopsWhenNoPairIsFrequentEnough) {
    const BpeSettings settings{.vocabulary_size = 1000, .min_frequency = 2, .special_tokens = {}};
    const auto vocabulary = trainer_with(settings, {"aa", "aa", "xyz"}).train();
    ASSERT_TRUE(vocabulary);
    EXPECT_EQ(vocabulary->tokens.size(), 257U);
    EXPECT_EQ(vocabulary->tokens.back(), "aa");
}

TEST(BpeTrainer, TheOrderOfTextsDoesNotMatter) {
    const BpeSettings settings{.vocabulary_size = 400, .min_frequency = 0, .special_tokens = {}};
    const auto one = trainer_with(settings, {"the cat sat", "on the mat", "the rat"}).train();
    const auto other = trainer_with(settings, {"the rat", "on the mat", "the cat sat"}).train();
    ASSERT_TRUE(one && other);
    EXPECT_EQ(one->tokens, other->tokens);
    EXPECT_EQ(one->merges, other->merges);
}

TEST(BpeTrainer, RefusesSettingsOutOfRange) {
    const auto code = [](BpeSettings settings) {
        return trainer_with(std::move(settings), {"text"}).train().error().message;
    };
    EXPECT_NE(code({.vocabulary_size = 255}).find("vocabulary_size is 255"), std::string::npos);
    EXPECT_NE(code({.vocabulary_size = 2'000'000}).find("vocabulary_size"), std::string::npos);
    EXPECT_NE(code({.special_tokens = {"<a>", "<a>"}}).find("'<a>' is given twice"), std::string::npos);
    EXPECT_NE(code({.special_tokens = {""}}).find("special token"), std::string::npos);
}

TEST(BpeTrainer, RefusesToTrainOnNothing) {
    EXPECT_EQ(BpeTrainer({}).train().error().code, ErrorCode::kInvalid);
}

TEST(BpeTrainer, ReportsAndStops) {
    const BpeTrainer trainer =
        trainer_with({.vocabulary_size = 300}, {"some words to merge some words to merge"});
    std::size_t reported = 0;
    const auto whole =
        trainer.train({.on_progress = [&](const BpeProgress& p) { reported = p.tokens_wanted; }});
    EXPECT_TRUE(whole);
    EXPECT_EQ(reported, 300U);
    const auto stopped = trainer.train({.on_progress = {}, .stop_requested = [] { return true; }});
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

TEST(BpeTrainer, CountsWhatItIsGiven) {
    const BpeTrainer trainer = trainer_with({}, {"a b", "a"});
    EXPECT_EQ(trainer.bytes(), 4U);
    EXPECT_EQ(trainer.distinct_words(), 2U);
}

TEST(WriteTokenizer, WritesWhatLoadsAgain) {
    const auto vocabulary =
        trainer_with(
            {.vocabulary_size = 300, .special_tokens = {"<|endoftext|>", "<|user|>", "<|end|>"}},
            {"hello hello world\xFF"}
        )
            .train();
    ASSERT_TRUE(vocabulary);
    const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / new_id();
    const TokenizerConfig config{
        .bos_token = "<|endoftext|>",
        .eos_token = "<|endoftext|>",
        .chat_template = std::string(default_chat_template()),
        .context_tokens = 256
    };
    ASSERT_TRUE(write_tokenizer(folder, *vocabulary, config));
    const auto tokenizer = Tokenizer::load(folder);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->vocabulary_size(), vocabulary->tokens.size());
    EXPECT_EQ(tokenizer->encode("<|user|>hello"), (std::vector<std::int32_t>{1, *tokenizer->id_of("hello")}));
    EXPECT_TRUE(tokenizer->is_special(2));
    EXPECT_TRUE(ChatTemplate::load(folder));
}

}  // namespace
}  // namespace capstan::text
