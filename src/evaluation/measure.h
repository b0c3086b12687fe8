#pragma once

// One model measured: how well it foretells texts, and how it answers questions.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/client/local_model.h"
#include "evaluation/evaluation_spec.h"
#include "evaluation/examples.h"

namespace capstan::evaluation {

// By document: natural logarithms summed over its tokens from the second on.
struct TextScores {
    std::vector<double> negative_log_likelihoods;
    std::vector<double> tokens;
    std::vector<double> bytes;
};

struct AnswerScores {
    std::vector<std::string> answers;
    std::vector<double> rouge_l;  // F1 against the reference.
};

using OnStep = std::function<void()>;  // After each document or question, from any thread.

Result<TextScores> score_texts(
    engine::LocalModel& model,
    const std::string& adapter,
    const std::vector<std::string>& texts,
    const EvaluationSpec& spec
);

// Greedy answers, several questions at a time; the answer to one does not depend on the others.
Result<AnswerScores> score_answers(
    engine::LocalModel& model,
    const std::string& adapter,
    const std::vector<Question>& questions,
    const EvaluationSpec& spec,
    const OnStep& on_step
);

}  // namespace capstan::evaluation
