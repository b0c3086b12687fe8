#include "platform/http/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

namespace capstan::http {
namespace {

// What `promtool check metrics` would refuse in the text: lines of another form, samples without a TYPE
// before them, families in two places, repeated series. Returns the first bad line.
std::string first_bad_line(const std::string& text) {
    static const std::regex comment(R"(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*))");
    static const std::regex sample(
        R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\"n])*"(,[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\"n])*")*\})? (NaN|[+-]Inf|-?[0-9.]+(e[+-]?[0-9]+)?))"
    );
    std::istringstream lines(text);
    std::string line;
    std::string family;
    std::set<std::string> families;
    std::set<std::string> series;
    while (std::getline(lines, line)) {
        std::smatch match;
        if (std::regex_match(line, match, comment)) {
            if (match[1] == "TYPE" && !families.insert(match[2]).second) {
                return line;
            }
            family = match[2];
            continue;
        }
        const bool is_sample = std::regex_match(line, match, sample) && match[1].str().starts_with(family);
        if (!is_sample || !series.insert(match[1].str() + match[2].str()).second) {
            return line;
        }
    }
    return text.ends_with('\n') ? "" : "no line end at the end";
}

TEST(Metrics, WritesCountersAndGauges) {
    MetricRegistry metrics;
    metrics.counter("b_total", "Things.", {{"kind", "x"}}).add(2.5);
    metrics.counter("b_total", "Things.", {{"kind", "y"}}).add();
    metrics.gauge("a", "Now.").set(-3);
    EXPECT_EQ(
        metrics.exposition(),
        "# HELP a Now.\n# TYPE a gauge\na -3\n"
        "# HELP b_total Things.\n# TYPE b_total counter\nb_total{kind=\"x\"} 2.5\nb_total{kind=\"y\"} 1\n"
    );
}

TEST(Metrics, WritesHistogramsCumulatively) {
    MetricRegistry metrics;
    auto& seconds = metrics.histogram("t_seconds", "Time.", {{"r", "a"}}, {0.1, 1});
    for (const double value : {0.05, 0.1, 0.5, 7.0}) {
        seconds.observe(value);
    }
    EXPECT_EQ(
        metrics.exposition(),
        "# HELP t_seconds Time.\n# TYPE t_seconds histogram\n"
        "t_seconds_bucket{r=\"a\",le=\"0.1\"} 2\nt_seconds_bucket{r=\"a\",le=\"1\"} 3\n"
        "t_seconds_bucket{r=\"a\",le=\"+Inf\"} 4\nt_seconds_sum{r=\"a\"} 7.65\nt_seconds_count{r=\"a\"} 4\n"
    );
}

TEST(Metrics, EscapesWhatLabelsAndHelpMayHold) {
    MetricRegistry metrics;
    metrics.counter("c_total", "A \\ and\na line.", {{"path", "a\"b\\c\nd"}}).add();
    metrics.gauge("g", "Odd numbers.", {{"n", "nan"}}).set(std::nan(""));
    metrics.gauge("g", "Odd numbers.", {{"n", "inf"}}).set(-std::numeric_limits<double>::infinity());
    metrics.gauge("g", "Odd numbers.", {{"n", "big"}}).set(1e300);
    const std::string text = metrics.exposition();
    EXPECT_EQ(first_bad_line(text), "") << text;
    EXPECT_TRUE(text.contains(R"(c_total{path="a\"b\\c\nd"} 1)")) << text;
    EXPECT_TRUE(text.contains(R"(# HELP c_total A \\ and\na line.)")) << text;
}

TEST(Metrics, KeepsTheNumberOfSeriesBounded) {
    MetricRegistry metrics;
    for (std::size_t i = 0; i < 2 * MetricRegistry::kSeriesMax; ++i) {
        metrics.counter("c_total", "C.", {{"id", std::to_string(i)}}).add();
    }
    const std::string text = metrics.exposition();
    EXPECT_EQ(first_bad_line(text), "");
    EXPECT_EQ(std::ranges::count(text, '\n'), 2 + static_cast<std::ptrdiff_t>(MetricRegistry::kSeriesMax));
    EXPECT_TRUE(text.contains("c_total{id=\"other\"} 2001\n")) << text.substr(text.size() - 200);
}

TEST(Metrics, CountsFromManyThreads) {
    MetricRegistry metrics;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int n = 0; n < 1000; ++n) {
                    metrics.counter("c_total", "C.", {{"n", std::to_string(n % 3)}}).add();
                    metrics.histogram("h", "H.").observe(n);
                    if (n % 100 == 0) {
                        EXPECT_EQ(first_bad_line(metrics.exposition()), "");
                    }
                }
            });
        }
    }
    EXPECT_TRUE(metrics.exposition().contains("h_count 4000\n"));
    EXPECT_EQ(metrics.counter("c_total", "C.", {{"n", "0"}}).value(), 4 * 334);
}

TEST(Metrics, AsksForFreshValuesFirst) {
    MetricRegistry metrics;
    metrics.before_exposition([](MetricRegistry& m) { m.gauge("depth", "Queue.").set(7); });
    EXPECT_TRUE(metrics.exposition().contains("depth 7\n"));
}

TEST(MetricsDeathTest, RefusesBadNamesAndChangedTypes) {
    MetricRegistry metrics;
    metrics.counter("c_total", "C.", {{"a", "1"}});
    EXPECT_DEATH(metrics.counter("c-total", "C."), "name is a word");
    EXPECT_DEATH(metrics.counter("d_total", "C.", {{"a b", "1"}}), "label's name");
    EXPECT_DEATH(metrics.gauge("c_total", "C.", {{"a", "1"}}), "keeps its type");
    EXPECT_DEATH(metrics.counter("c_total", "C.", {{"b", "1"}}), "keeps its type");
}

}  // namespace
}  // namespace capstan::http
