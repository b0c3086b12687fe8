#pragma once

// Rows of evaluations. SQL lives here and nowhere else in evaluation.

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evaluation/evaluation.h"

namespace soci {
class session;
}

namespace capstan::evaluation {

// The evaluation of this job, inserted when there is none.
Evaluation find_or_insert_evaluation(soci::session& session, const Evaluation& fresh);
std::optional<Evaluation> find_evaluation_of_job(soci::session& session, std::string_view job_id);
Result<Evaluation> find_evaluation(soci::session& session, std::string_view project_id, std::string_view id);
std::vector<Evaluation> list_evaluations(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);
// Writes state, result, error and finished_ms of the evaluation of this job.
void finish_evaluation(soci::session& session, std::string_view job_id, const Evaluation& end);

}  // namespace capstan::evaluation
