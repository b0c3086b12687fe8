#pragma once

// The job "curation.build", in its own process: sources in, shards and a report out.

#include <string_view>

#include "base/job_directory.h"
#include "base/json.h"
#include "base/result.h"

namespace capstan::curation {

inline constexpr std::string_view kCurationJob = "curation.build";

// Reads the specification (corpus/build_spec.h), works, reports progress, and returns the result that
// corpus::build describes.
Result<Json> run_curation_job(const JobDirectory& directory);

}  // namespace capstan::curation
