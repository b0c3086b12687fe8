#include "training/tokenizer_job.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace capstan::training {
namespace {

class TokenizerJobTest : public testing::Test {
protected:
    ~TokenizerJobTest() override { std::filesystem::remove_all(folder_); }

    std::string corpus() {
        std::string lines;
        for (int i = 0; i < 300; ++i) {
            const std::string n = std::to_string(i);
            lines += Json::object({{"id", n},
                                   {"text",
                                    "ls - list the contents of directory " + n + "\nsorted by name, größe"}})
                         .dump() +
                     "\n";
        }
        EXPECT_TRUE(replace_file(folder_ / "texts.jsonl", lines));
        return (folder_ / "texts.jsonl").string();
    }

    JobDirectory job(const std::string& name, const Json& spec) const {
        JobDirectory directory(folder_ / name);
        EXPECT_TRUE(directory.create(spec));
        return directory;
    }

    static Json spec(const std::string& input, std::int64_t size) {
        return Json::object({{"inputs", Json::array({input})}, {"vocabulary_size", size}});
    }

    const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(TokenizerJobTest, MakesATokenizerThatReadsBackWhatItWrites) {
    const auto directory = job("job", spec(corpus(), 320));
    const auto result = run_tokenizer_job(directory);
    ASSERT_TRUE(result) << result.error().message;
    const auto tokenizer = text::Tokenizer::load(directory.out());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(result->int_or("vocabulary_size", 0), 320);
    EXPECT_EQ(tokenizer->vocabulary_size(), 320U);
    EXPECT_GT(result->int_or("bytes", 0), 10'000);
    const std::string unseen = "directory size: größer, 日本\n";
    const auto ids = tokenizer->encode(unseen);
    EXPECT_EQ(tokenizer->decode(ids), unseen);
    EXPECT_LT(tokenizer->encode("list the contents of directory").size(), 20U) << "merges were learned";
}

TEST_F(TokenizerJobTest, HasTheSpecialTokensInTheirOrderAndTheChatTemplate) {
    const auto directory = job("job", spec(corpus(), 300));
    ASSERT_TRUE(run_tokenizer_job(directory));
    const auto tokenizer = text::Tokenizer::load(directory.out());
    int id = 0;
    for (const char* token : {"<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"}) {
        EXPECT_EQ(tokenizer->id_of(token), id++) << token;
    }
    const Json config = parse_json(read_file(directory.out() / "tokenizer_config.json").value()).value();
    EXPECT_EQ(config.string_or("chat_template", ""), text::default_chat_template());
    EXPECT_EQ(config.string_or("eos_token", ""), "<|endoftext|>");
}

TEST_F(TokenizerJobTest, TheSameTextsGiveTheSameTokenizerAlsoWhenStartedAgain) {
    const std::string input = corpus();
    const auto a = job("a", spec(input, 310));
    const auto b = job("b", spec(input, 310));
    ASSERT_TRUE(run_tokenizer_job(a));
    ASSERT_TRUE(replace_file(b.out() / "tokenizer.json", "torn"));
    ASSERT_TRUE(run_tokenizer_job(b));
    EXPECT_EQ(read_file(a.out() / "tokenizer.json").value(), read_file(b.out() / "tokenizer.json").value());
}

TEST_F(TokenizerJobTest, SaysWhatIsWrong) {
    ASSERT_TRUE(replace_file(folder_ / "broken.jsonl", "{\"text\": \"a\"}\n{\"te"));
    const std::string broken = (folder_ / "broken.jsonl").string();
    int number = 0;
    for (const Json& bad :
         {Json::object(),
          Json::object({{"inputs", Json::array()}}),
          Json::object({{"inputs", Json::array({5})}}),
          spec(corpus(), 299),
          spec(corpus(), 2'000'000),
          spec(broken, 300)}) {
        const auto result = run_tokenizer_job(job(std::to_string(++number), bad));
        ASSERT_FALSE(result) << bad.dump();
        EXPECT_EQ(result.error().code, ErrorCode::kInvalid) << result.error().message;
    }
    const auto missing = run_tokenizer_job(job("m", spec((folder_ / "nothing").string(), 300)));
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST_F(TokenizerJobTest, PassesOverEmptyLines) {
    ASSERT_TRUE(replace_file(folder_ / "t.jsonl", "\n{\"text\": \"some text here\"}\n\n"));
    EXPECT_TRUE(run_tokenizer_job(job("job", spec((folder_ / "t.jsonl").string(), 300))));
}

}  // namespace
}  // namespace capstan::training
