#include "evaluation/examples.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"

namespace capstan::evaluation {
namespace {

class ExamplesTest : public testing::Test {
protected:
    ~ExamplesTest() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path write(const std::string& name, const std::string& content) {
        EXPECT_TRUE(replace_file(folder_ / name, content));
        return folder_ / name;
    }

    static std::string lines(std::vector<Json> records) {
        std::string all;
        for (const Json& record : records) {
            all += record.dump() + "\n";
        }
        return all;
    }

    static std::vector<Json> texts(int count) {
        std::vector<Json> records;
        for (int i = 0; i < count; ++i) {
            const std::string name = std::to_string(i);
            records.push_back(Json::object({{"id", "id-" + name}, {"text", "text " + name}}));
        }
        return records;
    }

    static Json pair(std::string id, std::string question, std::string answer) {
        return Json::object({{"id", id}, {"question", question}, {"answer", answer}});
    }

    const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(ExamplesTest, TheDrawDoesNotDependOnTheOrderOfLinesOrFiles) {
    auto records = texts(100);
    const auto one = write("one", lines(records));
    const auto drawn = draw_texts({one}, 10, 7);
    ASSERT_TRUE(drawn);
    EXPECT_EQ(drawn->size(), 10U);
    std::ranges::reverse(records);
    const auto a = write("a", lines({records.begin(), records.begin() + 50}));
    const auto b = write("b", lines({records.begin() + 50, records.end()}));
    EXPECT_EQ(*draw_texts({b, a}, 10, 7), *drawn);
    EXPECT_EQ(*draw_texts({a, b}, 10, 7), *drawn);
    EXPECT_NE(*draw_texts({one}, 10, 8), *drawn);
}

TEST_F(ExamplesTest, ItemsThatShareAnIdAreDrawnInOneOrderToo) {
    const auto forth = write("forth", lines({pair("x", "q", "a"), pair("x", "q", "b")}));
    const auto back = write("back", lines({pair("x", "q", "b"), pair("x", "q", "a")}));
    EXPECT_EQ(*draw_questions({forth}, 1, 1), *draw_questions({back}, 1, 1));
}

TEST_F(ExamplesTest, ALargerDrawHoldsTheSmallerOne) {
    const auto file = write("f", lines(texts(50)));
    const auto small = draw_texts({file}, 5, 3);
    const auto large = draw_texts({file}, 20, 3);
    EXPECT_TRUE(std::ranges::equal(*small, std::span(*large).first(5)));
}

TEST_F(ExamplesTest, PassesOverWhatIsNoExample) {
    const auto file = write(
        "f",
        "{}\n\n5\n{\"text\":\"\"}\n{\"text\":7}\n{\"text\":\"a\"}\n{\"question\":\"q\"}\n"
        "{\"question\":\"q\",\"answer\":\"a\"}"
    );
    EXPECT_EQ(*draw_texts({file}, 10, 1), std::vector<std::string>{"a"});
    const auto questions = draw_questions({file}, 10, 1);
    ASSERT_EQ(questions->size(), 1U);
    EXPECT_EQ(questions->front().id, "q") << "without an id, the question is the id";
}

TEST_F(ExamplesTest, NamesTheFileThatIsBrokenOrMissing) {
    const auto broken = write("broken", "{\"text\":\"a\"}\n{\"te");
    const auto refused = draw_texts({broken}, 10, 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
    EXPECT_TRUE(refused.error().message.contains("broken")) << refused.error().message;
    EXPECT_EQ(draw_texts({folder_ / "nothing"}, 10, 1).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace capstan::evaluation
