#include "app/work_command.h"

#include "base/job_directory.h"
#include "curation/curation_job.h"
#include "evaluation/evaluation_job.h"
#include "training/tokenizer_job.h"

namespace capstan::app {
namespace {

Result<Json> run_kind(const std::string& kind, const JobDirectory& directory) {
    if (kind == curation::kCurationJob) {
        return curation::run_curation_job(directory);
    }
    if (kind == training::kTokenizerJob) {
        return training::run_tokenizer_job(directory);
    }
    if (kind == evaluation::kEvaluationJob) {
        return evaluation::run_evaluation_job(directory);
    }
    return Error{
        ErrorCode::kInvalid,
        "no job of kind '" + kind + "'; there are curation.build, tokenizer.train and evaluation.run"
    };
}

}  // namespace

Result<void> run_work(const std::string& kind, const std::filesystem::path& path) {
    catch_stop_signals();
    const JobDirectory directory(path);
    const auto result = run_kind(kind, directory);
    if (!result && stop_requested()) {
        return Error{ErrorCode::kCancelled, "stopped; start the job again to go on"};
    }
    if (auto written = directory.write_result(result); !written) {
        return written;
    }
    return result ? Result<void>() : Result<void>(result.error());
}

}  // namespace capstan::app
