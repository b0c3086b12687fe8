#pragma once

// The job "evaluation.run", in its own process: models answer held-out text and questions; numbers with
// confidence intervals, a comparison and a gate's verdict come out.
//
// Specification: {"targets": [{"label", "model_dir", "adapter_dir" or ""}] (the first is the baseline, the
// last the candidate), "heldout": [paths of .jsonl with texts], "pairs": [paths of .jsonl with questions and
// answers], "documents_max": 200, "document_tokens_max": 256, "questions_max": 200, "answer_tokens_max": 48,
// "seed": 1, "threads": 2, "gate": {"rouge_l_p_value_max": 0.05, "perplexity_ratio_max": 2.0}}.
//
// Result: {"targets": [{"label", "metrics": {"perplexity", "bits_per_byte", "rouge_l": {"value", "low",
// "high"}}}], "comparison": {"metric", "difference", "low", "high", "p_value", "note"}, "gate": {"passed",
// "rules": [{"rule", "passed", "detail"}]}, "samples": [{"question", "reference", "answers": {label:
// text}}]}.

#include <string_view>

#include "base/job_directory.h"
#include "base/json.h"
#include "base/result.h"

namespace capstan::evaluation {

inline constexpr std::string_view kEvaluationJob = "evaluation.run";

// The same specification gives the same numbers. Started again after a crash it starts over.
Result<Json> run_evaluation_job(const JobDirectory& directory);

}  // namespace capstan::evaluation
