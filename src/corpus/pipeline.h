#pragma once

// Builds a data set: from sources to training and held-out shards, with a report of what was dropped and why.
//
// Four stages, each leaving whole files and a marker in the job's work/ folder:
//
//   read    sources -> normalised records
//   clean   boilerplate, quality, exact duplicates
//   dedup   near duplicates, personal data, the split
//   write   contamination, question pairs, shards in out/
//
// Killed at any moment and started again in the same directory, it goes on after the last marker and leaves
// the same bytes in out/.

#include <functional>

#include "base/job_directory.h"
#include "base/json.h"
#include "base/result.h"
#include "corpus/build_spec.h"

namespace capstan::corpus {

using OnProgress = std::function<void(const JobProgress&)>;  // Called on the caller's thread.

// {"splits": {"train": [{"path","sha256","records","bytes"}], "heldout", "pairs-train", "pairs-heldout"},
//  "report": {"steps": […]}}; paths are relative to the job's directory. kInvalid when nothing is left to
// train on, kTooLarge over the limits of `spec`, kNotFound for a source that is not there, kCancelled after
// stop_requested(). Memory: about 1 KiB a record, and the n-grams of the held-out side.
Result<Json> build(const BuildSpec& spec, const JobDirectory& directory, const OnProgress& on_progress);

}  // namespace capstan::corpus
