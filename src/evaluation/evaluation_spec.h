#pragma once

// What an evaluation is to do, from JSON; evaluation_job.h lists the members.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::evaluation {

struct TargetSpec {
    std::string label;
    std::filesystem::path model_dir;
    std::filesystem::path adapter_dir;  // Empty: none.
};

struct GateSpec {
    double rouge_l_p_value_max =
        0.05;  // The candidate's ROUGE-L must be above the baseline's with at most this p.
    double perplexity_ratio_max = 2.0;  // The candidate's perplexity ÷ the baseline's.
};

struct EvaluationSpec {
    std::vector<TargetSpec> targets;
    std::vector<std::filesystem::path> heldout;
    std::vector<std::filesystem::path> pairs;
    std::size_t documents_max = 200;
    std::size_t document_tokens_max = 256;
    std::size_t questions_max = 200;
    int answer_tokens_max = 48;
    std::uint64_t seed = 1;
    int threads = 2;
    GateSpec gate;
};

// kInvalid, naming the member.
Result<EvaluationSpec> evaluation_spec_from(const Json& json);

}  // namespace capstan::evaluation
