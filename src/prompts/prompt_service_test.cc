#include "prompts/prompt_service.h"

#include <memory>

#include <gtest/gtest.h>

#include "platform/sql/test_database.h"
#include "prompts/room.h"

namespace capstan::prompts {
namespace {

class PromptServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        prompts_ = std::make_unique<PromptService>(PromptService::Inputs{
            .database = database(), .next_id = new_id, .now_ms = [] { return std::int64_t{1}; }
        });
    }

    Result<Prompt> add(std::string name, Json content) {
        return prompts_->add_version(
            {.project_id = "p", .name = std::move(name), .content = std::move(content), .message = ""}
        );
    }

    std::unique_ptr<PromptService> prompts_;
};

INSTANTIATE_TEST_SUITE_P(Databases, PromptServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(PromptServiceTest, NumbersVersionsAndKeepsTheOldOnes) {
    ASSERT_TRUE(add("greet", "Hello {{ name }}"));
    const Json messages = Json::array({Json::object({{"role", "user"}, {"content", "Hi"}})});
    const auto prompt = add("greet", messages);
    ASSERT_TRUE(prompt) << prompt.error().message;
    ASSERT_EQ(prompt->versions.size(), 2U);
    EXPECT_EQ(prompt->versions[0].number, 2);
    EXPECT_EQ(prompt->versions[0].content, messages);
    EXPECT_EQ(prompt->versions[1].content, Json("Hello {{ name }}"));
}

TEST_P(PromptServiceTest, MovesALabelOnlyToVersionsThatExist) {
    ASSERT_TRUE(add("greet", "a"));
    ASSERT_TRUE(add("greet", "b"));
    ASSERT_TRUE(prompts_->set_label("p", {"greet", "production", 1}));
    EXPECT_EQ(prompts_->set_label("p", {"greet", "production", 2})->labels.at("production"), 2);
    EXPECT_EQ(prompts_->set_label("p", {"greet", "production", 3}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(prompts_->set_label("p", {"greet", "latest", 1}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(prompts_->get("p", "greet")->labels.at("production"), 2);
}

TEST_P(PromptServiceTest, RefusesWhatIsNoTemplate) {
    for (const Json& content : {Json(), Json(7), Json::array(), Json::array({Json("x")}), Json::object()}) {
        EXPECT_EQ(add("greet", content).error().code, ErrorCode::kInvalid) << content.dump();
    }
    EXPECT_EQ(add("greet", std::string(300'000, 'x')).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(prompts_->get("p", "greet").error().message, "no prompt greet");
}

TEST_P(PromptServiceTest, KeepsProjectsApart) {
    ASSERT_TRUE(add("greet", "a"));
    EXPECT_EQ(prompts_->get("q", "greet").error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(prompts_->list("q", "", 10)->empty());
    EXPECT_EQ(prompts_->list("p", "", 10)->size(), 1U);
}

}  // namespace
}  // namespace capstan::prompts
