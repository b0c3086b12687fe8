#pragma once

// From scores to numbers with confidence intervals, a comparison of the first model with the last, and the
// gate's verdict.

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "evaluation/evaluation_spec.h"
#include "evaluation/measure.h"

namespace capstan::evaluation {

struct TargetScores {
    std::string label;
    TextScores texts;      // Of the same documents for all targets.
    AnswerScores answers;  // To the same questions for all targets.
};

// "targets", "comparison" and "gate" of the result (evaluation_job.h). A gate without rules, because there
// was nothing to compare, has not passed.
Result<Json> verdict_of(const std::vector<TargetScores>& targets, const EvaluationSpec& spec);

}  // namespace capstan::evaluation
