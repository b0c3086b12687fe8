#include "observability/trace_service.h"

#include <cmath>
#include <memory>

#include <gtest/gtest.h>

#include "observability/room.h"
#include "observability/trace_json.h"
#include "platform/sql/test_database.h"

namespace capstan::observability {
namespace {

class TraceServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        service_ = std::make_unique<TraceService>(TraceService::Inputs{
            .database = database(), .next_id = new_id, .now_ms = [] { return std::int64_t{1}; }
        });
    }

    static Trace trace(std::string id, std::int64_t started_ms) {
        Trace made;
        made.id = std::move(id);
        made.project_id = "p";
        made.started_ms = started_ms;
        made.duration_ms = 110;
        made.first_token_ms = 10;
        made.deployment = "man";
        made.target_id = "t1";
        made.target_label = "base";
        made.model = "man/1";
        made.input = Json::array({Json::object({{"role", "user"}, {"content", "What does ls do?"}})});
        made.output = "lists 100% of it";
        made.prompt_tokens = 5;
        made.completion_tokens = 11;
        made.cost_nano_usd = 42;
        return made;
    }

    void record(const Trace& made, const std::vector<Span>& spans = {}) {
        const auto done = database().transact([&](soci::session& session) -> Result<void> {
            service_->record_in(session, made, spans);
            return {};
        });
        ASSERT_TRUE(done) << done.error().message;
    }

    Result<Score> score(std::string id, Json value, std::string key = "") {
        return service_->give_feedback(
            {.project_id = "p",
             .trace_id = std::move(id),
             .name = "rouge_l",
             .value = std::move(value),
             .comment = "",
             .source = "test",
             .idempotency_key = std::move(key)}
        );
    }

    std::unique_ptr<TraceService> service_;
};

INSTANTIATE_TEST_SUITE_P(Databases, TraceServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(TraceServiceTest, RecordsATraceOnceWithItsSpans) {
    const std::vector<Span> spans = {
        {.id = "1", .name = "call", .kind = "gateway"},
        {.id = "2", .parent_id = "1", .name = "engine", .start_offset_ms = 2}
    };
    record(trace("r1", 100), spans);
    record(trace("r1", 999), spans);
    const auto detail = service_->get("p", "r1");
    ASSERT_TRUE(detail) << detail.error().message;
    EXPECT_EQ(detail->trace.started_ms, 100);
    ASSERT_EQ(detail->spans.size(), 2U);
    EXPECT_EQ(detail->spans[1].parent_id, "1");
    EXPECT_EQ(service_->get("q", "r1").error().code, ErrorCode::kNotFound);
}

TEST_P(TraceServiceTest, FiltersAndPagesNewestFirst) {
    for (int i = 0; i < 5; ++i) {
        Trace made = trace("r" + std::to_string(i), 100 + i / 2);
        made.target_label = i == 3 ? "adapted" : "base";
        record(made);
    }
    const auto page = service_->list({.project_id = "p", .rows_max = 2});
    ASSERT_EQ(page->size(), 2U);
    EXPECT_EQ((*page)[0].trace.id, "r4");
    EXPECT_EQ((*page)[1].trace.id, "r3");
    EXPECT_EQ(
        service_->list({.project_id = "p", .before_ms = 101, .before_id = "r3"})->front().trace.id, "r2"
    );
    EXPECT_EQ(service_->list({.project_id = "p", .target = "adapted"})->size(), 1U);
    EXPECT_EQ(service_->list({.project_id = "p", .text = "100%"})->size(), 5U);
    EXPECT_EQ(service_->list({.project_id = "p", .text = "100_"})->size(), 0U);
    EXPECT_EQ(service_->list({.project_id = "q"})->size(), 0U);
}

TEST_P(TraceServiceTest, TakesFeedbackBeforeItsTraceAndOnceAKey) {
    const auto first = score("r1", 0.5, "key");
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(score("r1", 0.9, "key")->id, first->id);
    ASSERT_TRUE(score("r1", true));
    ASSERT_TRUE(score("r1", "good"));
    record(trace("r1", 100));
    const auto detail = service_->get("p", "r1");
    ASSERT_EQ(detail->scores.size(), 3U);
    EXPECT_EQ(detail->scores[0].value, 0.5);
    EXPECT_EQ(detail->scores[1].value, 1.0);
    EXPECT_EQ(detail->scores[2].text, "good");
}

TEST_P(TraceServiceTest, RefusesFeedbackOutOfRange) {
    EXPECT_EQ(score("", 1).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(score("r1", Json()).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(score("r1", NAN).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(score("r1", Json::array()).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(score("r1", std::string(2001, 'x')).error().code, ErrorCode::kInvalid);
}

TEST_P(TraceServiceTest, MeasuresATarget) {
    for (int i = 1; i <= 20; ++i) {
        Trace made = trace("r" + std::to_string(i), 100 + i);
        made.first_token_ms = i;
        made.duration_ms = i + 100;
        made.status = i == 1 ? "error" : "ok";
        record(made);
        ASSERT_TRUE(score(made.id, i <= 10 ? 0.0 : 1.0));
    }
    const auto stats = service_->target_stats({"p", "man", "t1", "rouge_l"});
    ASSERT_TRUE(stats) << stats.error().message;
    EXPECT_EQ(stats->requests, 20);
    EXPECT_EQ(stats->errors, 1);
    EXPECT_EQ(stats->first_token_ms_p50, 10);
    EXPECT_EQ(stats->first_token_ms_p95, 19);
    EXPECT_DOUBLE_EQ(stats->tokens_per_second, 100);
    EXPECT_EQ(stats->cost_nano_usd, 840);
    EXPECT_EQ(stats->score_mean, 0.5);
    EXPECT_EQ(service_->score_values({"p", "man", "t1", "rouge_l"})->size(), 20U);
    EXPECT_EQ(service_->target_stats({"p", "man", "t2", "rouge_l"})->requests, 0);
}

TEST(TraceEvent, IsReadBackAsItWasWritten) {
    RecordedTrace made;
    made.trace.id = "r1";
    made.trace.project_id = "p";
    made.trace.first_token_ms = 1.5;
    made.trace.input = Json("prompt");
    made.trace.output = "text";
    made.spans = {
        {.id = "1",
         .name = "call",
         .kind = "gateway",
         .start_offset_ms = 0.25,
         .attributes = Json::object({{"a", 1}})}
    };
    const Json payload = event_payload(made.trace, made.spans);
    const auto read = trace_from_event(payload);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(event_payload(read->trace, read->spans), payload);
    EXPECT_FALSE(trace_from_event(Json::object()));
}

}  // namespace
}  // namespace capstan::observability
