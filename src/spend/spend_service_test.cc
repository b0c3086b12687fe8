#include "spend/spend_service.h"

#include <memory>

#include <gtest/gtest.h>

#include "platform/sql/test_database.h"
#include "spend/room.h"

namespace capstan::spend {
namespace {

constexpr std::int64_t kNowMs = 100LL * 86'400'000;

class SpendServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        spend_ = SpendService::open({.database = database(), .now_ms = [] { return kNowMs; }}).value();
    }

    void record(
        std::string response, std::string deployment, std::int64_t cost, std::int64_t at_ms = kNowMs
    ) {
        const auto done = database().transact([&](soci::session& session) -> Result<void> {
            spend_->record_in(
                session,
                {.response_id = response,
                 .project_id = "p",
                 .at_ms = at_ms,
                 .key_id = "k",
                 .deployment = deployment,
                 .prompt_tokens = 2,
                 .completion_tokens = 3,
                 .cost_nano_usd = cost}
            );
            return {};
        });
        ASSERT_TRUE(done) << done.error().message;
    }

    std::unique_ptr<SpendService> spend_;
};

INSTANTIATE_TEST_SUITE_P(Databases, SpendServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(SpendServiceTest, PricesAModelByItsOwnPriceThenTheStarThenNothing) {
    EXPECT_EQ(spend_->cost_nano_usd("p", "man", {.prompt_tokens = 10, .completion_tokens = 5}), 0);
    ASSERT_TRUE(spend_->set_price({"p", "*", 1, 2}));
    EXPECT_EQ(spend_->cost_nano_usd("p", "man", {.prompt_tokens = 10, .completion_tokens = 5}), 20);
    ASSERT_TRUE(spend_->set_price({"p", "man", 50, 100}));
    EXPECT_EQ(spend_->cost_nano_usd("p", "man", {.prompt_tokens = 10, .completion_tokens = 5}), 1000);
    EXPECT_EQ(spend_->cost_nano_usd("q", "man", {.prompt_tokens = 10, .completion_tokens = 5}), 0);
    EXPECT_EQ(spend_->prices("p").size(), 2U);
}

TEST_P(SpendServiceTest, RefusesPricesOutOfRange) {
    EXPECT_EQ(spend_->set_price({"p", "m", -1, 0}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(spend_->set_price({"p", "m", 0, 1'000'000'001}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(spend_->set_price({"p", "", 0, 0}).error().code, ErrorCode::kInvalid);
}

TEST_P(SpendServiceTest, CountsAResponseOnce) {
    record("r1", "man", 70);
    record("r1", "man", 70);
    record("r2", "other", 5);
    const auto summary = spend_->summary("p", 30);
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->total.calls, 2);
    EXPECT_EQ(summary->total.cost_nano_usd, 75);
    EXPECT_EQ(summary->by_deployment.front().name, "man");
    EXPECT_EQ(summary->by_key.front().completion_tokens, 6);
}

TEST_P(SpendServiceTest, LeavesOutWhatIsOlderAndOtherProjects) {
    record("old", "man", 70, kNowMs - 31LL * 86'400'000);
    EXPECT_EQ(spend_->summary("p", 30)->total.calls, 0);
    EXPECT_EQ(spend_->summary("p", 32)->total.calls, 1);
    EXPECT_EQ(spend_->summary("q", 32)->total.calls, 0);
    EXPECT_EQ(spend_->summary("p", 0).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace capstan::spend
