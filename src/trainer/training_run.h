#pragma once

// One training job from its specification to its result: data, model, steps, held-out losses, checkpoints,
// export. Started again on the same job directory, it goes on where the newest whole checkpoint left it.

#include "base/job_directory.h"
#include "base/json.h"
#include "base/result.h"
#include "trainer/spec.h"

namespace capstan::trainer {

// Returns the value for result.json; kCancelled when a stop was requested (base/job_directory.h) and a
// checkpoint was written instead.
Result<Json> run_training(const JobDirectory& job, const TrainSpec& spec);

}  // namespace capstan::trainer
