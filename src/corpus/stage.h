#pragma once

// One step of a build and its marker, so that a build which was killed goes on after its last whole stage.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/job_directory.h"
#include "corpus/build_spec.h"
#include "corpus/pipeline.h"
#include "corpus/record_stream.h"
#include "corpus/shard_writer.h"

namespace capstan::corpus {

struct StageOutcome {
    std::vector<Shard> files;  // In the stage's folder.
    Json report;               // {"name","records_in","bytes_in","records_out","bytes_out","dropped",…}
};

struct StageContext {
    const BuildSpec& spec;
    const JobDirectory& directory;
    const OnProgress& on_progress;

    std::filesystem::path folder_of(std::string_view stage) const { return directory.work() / stage; }

    // Progress of the stage that is `number` (1 to 4).
    void report(int number, std::uint64_t records) const;

    // Reads the files of `stage` whose names begin with `prefix` and '-'.
    StreamSettings stream(
        std::string_view stage, const StageOutcome& outcome, std::string_view prefix, int number
    ) const;
};

// What `run` gave when it was done before under the same specification; otherwise runs it in an empty
// `folder` and leaves the marker.
Result<StageOutcome> run_stage(
    const StageContext& context,
    std::string_view name,
    const std::filesystem::path& folder,
    const std::function<Result<StageOutcome>()>& run
);

// The outcome of a stage that is done, if it is.
std::optional<StageOutcome> finished_stage(
    const StageContext& context, std::string_view name, const std::filesystem::path& folder
);

Result<StageOutcome> run_read(const StageContext& context);
Result<StageOutcome> run_clean(const StageContext& context, const StageOutcome& read);
Result<StageOutcome> run_dedup(
    const StageContext& context, const StageOutcome& read, const StageOutcome& clean
);
Result<StageOutcome> run_write(const StageContext& context, const StageOutcome& dedup);

// How much went through a step.
struct Flow {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  // Of text.

    void add(std::uint64_t text_bytes) {
        records += 1;
        bytes += text_bytes;
    }
};

Json step_report(std::string_view name, const Flow& in, const Flow& out, const DropLog& dropped);

constexpr std::uint64_t kOneFile = std::uint64_t{1} << 62;  // A shard limit: never a second file.

}  // namespace capstan::corpus
