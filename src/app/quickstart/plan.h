#pragma once

// What a quickstart does, in numbers: the ordinary one, the fast one, and both on a user's own text.

#include <string>

#include "app/quickstart/quickstart.h"
#include "base/json.h"

namespace capstan::app {

struct Plan {
    std::string name;     // Of datasets, model and deployment.
    std::string profile;  // Part of every idempotency key: another profile, or other text, is another turn.
    Json curation;        // Settings of corpus::build.
    std::int64_t vocabulary_size = 4096;
    Json pretrain;  // Settings of the trainer.
    Json adapt;
    Json evaluation;  // Settings of the evaluation job.
    int questions = 300;
    int questions_at_a_time = 4;
    int answer_tokens_max = 48;
};

Plan plan_for(const QuickstartOptions& options);

}  // namespace capstan::app
