#include "serving/load_summary.h"

#include <gtest/gtest.h>

#include "serving/load_page.h"

namespace capstan::serving {
namespace {

CallRecord record(std::int64_t sent_ms, std::vector<std::int64_t> pieces_ms, std::int64_t end_ms) {
    CallRecord made = {
        .sent_us = sent_ms * 1000, .end_us = end_ms * 1000, .prompt_tokens = 10, .status = 200
    };
    for (const std::int64_t piece : pieces_ms) {
        made.pieces_us.push_back(piece * 1000);
    }
    made.completion_tokens = std::ssize(pieces_ms);
    return made;
}

TEST(LoadSummary, QuantilesAreByTheNearestRank) {
    const Quantiles quantiles = quantiles_of({5, 1, 4, 2, 3, 6, 7, 8, 9, 10});
    EXPECT_EQ(quantiles.p50, 5);
    EXPECT_EQ(quantiles.p90, 9);
    EXPECT_EQ(quantiles.p99, 10);
    EXPECT_EQ(quantiles.max, 10);
    EXPECT_EQ(quantiles.mean, 5.5);
    EXPECT_EQ(quantiles_of({}).max, 0);
}

TEST(LoadSummary, TellsWhatCallersSaw) {
    std::vector<CallRecord> records = {
        record(0, {100, 120, 140}, 150),
        record(50, {250, 260}, 1000),
    };
    records.push_back({.sent_us = 60'000, .end_us = 70'000, .status = 429, .error = "full"});
    const LoadSummary summary = summarise(records, {.first_token_ms_max = 150});
    EXPECT_EQ(summary.calls, 3);
    EXPECT_EQ(summary.failed, 1);
    EXPECT_DOUBLE_EQ(summary.seconds, 1.0);
    EXPECT_EQ(summary.completion_tokens, 5);
    EXPECT_DOUBLE_EQ(summary.completion_tokens_per_second(), 5);
    EXPECT_DOUBLE_EQ(summary.first_token_ms.p50, 100);
    EXPECT_DOUBLE_EQ(summary.first_token_ms.max, 200);
    EXPECT_DOUBLE_EQ(summary.per_token_ms.max, 20);
    EXPECT_DOUBLE_EQ(summary.gap_ms.p50, 20);
    EXPECT_EQ(summary.good, 1);
    EXPECT_EQ(summarise(records, {}).good, 2);
    EXPECT_EQ(summarise(records, {.per_token_ms_max = 15}).good, 1);
}

TEST(LoadSummary, IsWholeForNoRecordsAndForOnesWithoutText) {
    EXPECT_EQ(summarise({}, {}).seconds, 0);
    const std::vector<CallRecord> silent = {record(0, {}, 10)};
    const LoadSummary summary = summarise(silent, {});
    EXPECT_EQ(summary.failed, 0);
    EXPECT_EQ(summary.good, 0);
    EXPECT_TRUE(load_page_html({.title = "t", .settings = "s", .summary = summary, .records = silent})
                    .contains("No data"));
}

TEST(LoadPage, KeepsMarkupOutOfTitles) {
    const std::vector<CallRecord> records = {record(0, {1, 2}, 3)};
    const LoadSummary summary = summarise(records, {});
    const std::string html = load_page_html(
        {.title = "<script>alert(1)</script>", .settings = "a & b", .summary = summary, .records = records}
    );
    EXPECT_FALSE(html.contains("<script>"));
    EXPECT_TRUE(html.contains("&lt;script&gt;"));
    EXPECT_TRUE(html.contains("a &amp; b"));
    EXPECT_TRUE(html.contains("<polyline"));
}

}  // namespace
}  // namespace capstan::serving
