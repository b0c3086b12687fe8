#pragma once

// The HTTP face of evaluations.

#include "evaluation/evaluation_service.h"
#include "platform/http/router.h"

namespace capstan::evaluation {

void add_evaluation_routes(
    http::Router& router, EvaluationService& evaluations
);  // `evaluations` outlives `router`.

}  // namespace capstan::evaluation
