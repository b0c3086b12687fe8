// capstan-train: runs one training job in its job directory.

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include "base/file.h"
#include "base/job_directory.h"
#include "base/log.h"
#include "trainer/launch_environment.h"
#include "trainer/spec.h"
#include "trainer/training_run.h"

namespace {

using capstan::Error;
using capstan::ErrorCode;
using capstan::Json;
using capstan::Result;

constexpr int kStoppedExitCode = 143;  // As a shell shows a process that SIGTERM ended.
constexpr const char* kLaunchedMark = "CAPSTAN_TRAIN_LAUNCHED";

constexpr std::string_view kHelp = R"(capstan-train: trains a small Llama, or a LoRA adapter of one.

usage: capstan-train --job-dir DIR

DIR/spec.json says what to do (src/trainer/README.md lists its keys). Writes DIR/progress.jsonl,
DIR/result.json and DIR/out/model or DIR/out/adapter. Started again on the same DIR, it goes on
from its newest whole checkpoint. SIGTERM: writes a checkpoint and exits with 143.

  --job-dir DIR   the job directory
  --version       the version
  --help          this text
)";

struct Options {
    std::string job_dir;
    bool help = false;
    bool version = false;
};

Result<Options> parse_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--help" || argument == "-h") {
            options.help = true;
        } else if (argument == "--version") {
            options.version = true;
        } else if (argument == "--job-dir" && i + 1 < argc) {
            options.job_dir = argv[++i];
        } else if (argument.starts_with("--job-dir=")) {
            options.job_dir = argument.substr(std::string_view("--job-dir=").size());
        } else {
            return Error{
                ErrorCode::kInvalid, fmt::format("'{}' is unknown or lacks its value; see --help", argument)
            };
        }
    }
    if (options.job_dir.empty() && !options.help && !options.version) {
        return Error{ErrorCode::kInvalid, "--job-dir is missing; see --help"};
    }
    return options;
}

// Starts this program again when the variables that libgomp and OpenBLAS read at load time are missing.
void ensure_launch_environment(char** argv) {
    bool missing = false;
    for (const auto& [name, value] : capstan::trainer::launch_environment()) {
        if (std::getenv(name.c_str()) == nullptr) {
            missing = true;
            ::setenv(name.c_str(), value.c_str(), 1);
        }
    }
    if (missing && std::getenv(kLaunchedMark) == nullptr) {
        ::setenv(kLaunchedMark, "1", 1);
        std::error_code failed;
        const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
        ::execv(failed ? argv[0] : self.c_str(), argv);
        capstan::log_warning("cannot start again with OpenBLAS' settings; training may be slow");
    }
}

// Tensors of megabytes come and go all the time: without this each would be mapped, zeroed page by page, and
// unmapped again.
void keep_memory() {
    constexpr int kThresholdBytes = 32 << 20;  // glibc's maximum
    ::mallopt(M_MMAP_THRESHOLD, kThresholdBytes);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
    ::mallopt(M_ARENA_MAX, 1);
}

Result<Json> run_job(const capstan::JobDirectory& job) {
    const auto json = job.read_spec();
    if (!json) {
        return json.error();
    }
    const auto spec = capstan::trainer::read_spec(*json);
    return spec ? capstan::trainer::run_training(job, *spec) : spec.error();
}

int run(const capstan::JobDirectory& job) {
    // A job that is started twice must not write to one directory twice; the first one goes on.
    const auto lock = capstan::FileLock::acquire(job.work() / "lock");
    if (!lock) {
        capstan::log_error(lock.error().message);
        return capstan::exit_code_of(lock.error().code);
    }
    const auto result = run_job(job);
    if (!result && result.error().code == ErrorCode::kCancelled) {
        capstan::log_info(result.error().message);
        return kStoppedExitCode;
    }
    if (!result) {
        capstan::log_error(result.error().message);
    }
    if (const auto written = job.write_result(result); !written) {
        capstan::log_error(written.error().message);
        return capstan::exit_code_of(written.error().code);
    }
    return result ? 0 : capstan::exit_code_of(result.error().code);
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse_options(argc, argv);
    if (!options) {
        capstan::log_error(options.error().message);
        return capstan::exit_code_of(options.error().code);
    }
    if (options->help || options->version) {
        fmt::print(
            "{}", options->help ? std::string(kHelp) : fmt::format("capstan-train {}\n", CAPSTAN_VERSION)
        );
        return 0;
    }
    ensure_launch_environment(argv);
    keep_memory();
    capstan::catch_stop_signals();
    return run(capstan::JobDirectory(options->job_dir));
}
