#pragma once

// `capstan work KIND --job-dir DIR`: one job, in this process. The contract is base/job_directory.h.

#include <filesystem>
#include <string>

#include "base/result.h"

namespace capstan::app {

// Writes result.json, also for a job that failed. A job that was told to stop leaves no result. kInvalid for
// an unknown kind.
Result<void> run_work(const std::string& kind, const std::filesystem::path& directory);

}  // namespace capstan::app
