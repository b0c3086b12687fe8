#include "serving/call_metrics.h"

#include <vector>

namespace capstan::serving {
namespace {

std::vector<double> first_token_bounds() {
    return {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,  0.25,  0.5,   0.75,
            1.0,   2.5,   5.0,  7.5,  10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0};
}

std::vector<double> gap_bounds() {
    return {
        0.01,
        0.025,
        0.05,
        0.075,
        0.1,
        0.15,
        0.2,
        0.3,
        0.4,
        0.5,
        0.75,
        1.0,
        2.5,
        5.0,
        7.5,
        10.0,
        20.0,
        40.0,
        80.0
    };
}

std::vector<double> whole_bounds() {
    return {0.3,  0.5,  0.8,  1.0,  1.5,   2.0,   2.5,   5.0,   10.0,   15.0,  20.0,
            30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
}

// 1, 2, 5, 10, 20, 50 and so on.
std::vector<double> token_bounds() {
    std::vector<double> bounds;
    for (double ten = 1; ten <= 100'000; ten *= 10) {
        bounds.insert(bounds.end(), {ten, 2 * ten, 5 * ten});
    }
    return bounds;
}

}  // namespace

CallMetrics::CallMetrics(http::MetricRegistry& registry, const std::string& model_name)
    : registry_(registry),
      labels_({{"model_name", model_name}}),
      first_token_(registry.histogram(
          "vllm:time_to_first_token_seconds", "From a call to its first token.", labels_, first_token_bounds()
      )),
      gap_(registry.histogram(
          "vllm:inter_token_latency_seconds", "Between two tokens of an answer.", labels_, gap_bounds()
      )),
      per_token_(registry.histogram(
          "vllm:time_per_output_token_seconds",
          "Of an answer, the mean time of a token behind the first.",
          labels_,
          gap_bounds()
      )),
      whole_(registry.histogram(
          "vllm:e2e_request_latency_seconds", "From a call to its last token.", labels_, whole_bounds()
      )),
      queue_(registry.histogram(
          "vllm:request_queue_time_seconds",
          "From a call to the first step that it was part of.",
          labels_,
          whole_bounds()
      )),
      prefill_(registry.histogram(
          "vllm:request_prefill_time_seconds",
          "From there to the first token of an answer.",
          labels_,
          whole_bounds()
      )),
      decode_(registry.histogram(
          "vllm:request_decode_time_seconds",
          "From the first token of an answer to its last.",
          labels_,
          whole_bounds()
      )),
      inference_(registry.histogram(
          "vllm:request_inference_time_seconds",
          "From the first step of an answer to its last token.",
          labels_,
          whole_bounds()
      )),
      choices_(registry.histogram(
          "vllm:request_params_n", "Answers asked for of a prompt.", labels_, {1, 2, 5, 10, 20}
      )),
      sizes_asked_(registry.histogram(
          "vllm:request_params_max_tokens", "Tokens that an answer may have.", labels_, token_bounds()
      )),
      prompt_sizes_(registry.histogram(
          "vllm:request_prompt_tokens", "Tokens of a call's prompt.", labels_, token_bounds()
      )),
      answer_sizes_(registry.histogram(
          "vllm:request_generation_tokens", "Tokens of a call's answer.", labels_, token_bounds()
      )),
      prompt_tokens_(registry.counter("vllm:prompt_tokens_total", "Tokens of prompts.", labels_)),
      generated_tokens_(registry.counter("vllm:generation_tokens_total", "Tokens generated.", labels_)) {}

void CallMetrics::prompt(const llm::Usage& usage, int choices, int tokens_max) {
    prompt_tokens_.add(static_cast<double>(usage.prompt_tokens));
    choices_.observe(choices);
    sizes_asked_.observe(tokens_max);
}

void CallMetrics::ended(const llm::GenerateResult& result, std::string_view finish_reason) {
    const auto prompt = static_cast<double>(result.usage.prompt_tokens);
    const auto generated = static_cast<double>(result.usage.completion_tokens);
    generated_tokens_.add(generated);
    prompt_sizes_.observe(prompt);
    answer_sizes_.observe(generated);
    whole_.observe(result.total_ms / 1000);
    const double decode_ms = generated > 0 ? result.total_ms - result.first_token_ms : 0;
    queue_.observe(result.queue_ms / 1000);
    prefill_.observe(result.prefill_ms / 1000);
    decode_.observe(decode_ms / 1000);
    inference_.observe((result.prefill_ms + decode_ms) / 1000);
    if (generated > 1) {
        per_token_.observe((result.total_ms - result.first_token_ms) / 1000 / (generated - 1));
    }
    http::MetricLabels labels = labels_;
    labels.emplace_back("finished_reason", finish_reason);
    registry_.counter("vllm:request_success_total", "Answers by how they ended.", labels).add();
}

}  // namespace capstan::serving
