#include "serving/replica_load.h"

#include <gtest/gtest.h>

namespace capstan::serving {
namespace {

constexpr std::string_view kExposition =
    "# HELP vllm:num_requests_running Calls.\n"
    "# TYPE vllm:num_requests_running gauge\n"
    "vllm:num_requests_running{model_name=\"man} 9\"} 3\n"
    "vllm:num_requests_running{model_name=\"adapter\"} 2\n"
    "vllm:num_requests_running_total 77\n"
    "vllm:num_requests_waiting 4.0\n"
    "vllm:time_to_first_token_seconds_bucket{le=\"1\"} 5\n"
    "vllm:time_to_first_token_seconds_sum{model_name=\"m\"} 1.5\n"
    "vllm:time_to_first_token_seconds_count{model_name=\"m\"} 3\n";

TEST(ReplicaLoad, SumsOverLabelsAndTakesNoLongerName) {
    const EngineMetrics metrics = parse_engine_metrics(kExposition);
    EXPECT_EQ(metrics.running, 5);
    EXPECT_EQ(metrics.waiting, 4);
    EXPECT_EQ(metrics.first_token_seconds, 1.5);
    EXPECT_EQ(metrics.first_tokens, 3);
}

TEST(ReplicaLoad, BrokenTextIsNothing) {
    EXPECT_EQ(parse_engine_metrics("vllm:num_requests_running{").running, 0);
    EXPECT_EQ(parse_engine_metrics("vllm:num_requests_running").running, 0);
    EXPECT_EQ(parse_engine_metrics("vllm:num_requests_running x\n\n").running, 0);
}

TEST(ReplicaLoad, TheFirstTokenIsTheMeanOfTheCallsSince) {
    LoadHistory history;
    EXPECT_EQ(history.update("r", {.first_token_seconds = 1, .first_tokens = 4}).first_token_ms, 250);
    EXPECT_EQ(history.update("r", {.first_token_seconds = 1, .first_tokens = 4}).first_token_ms, 0);
    EXPECT_EQ(history.update("r", {.first_token_seconds = 3, .first_tokens = 5}).first_token_ms, 2000);
    EXPECT_EQ(history.update("r", {.first_token_seconds = 0.5, .first_tokens = 1}).first_token_ms, 500)
        << "it began again";
}

}  // namespace
}  // namespace capstan::serving
