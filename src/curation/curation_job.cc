#include "curation/curation_job.h"

#include "base/log.h"
#include "corpus/pipeline.h"

namespace capstan::curation {

Result<Json> run_curation_job(const JobDirectory& directory) {
    const auto json = directory.read_spec();
    if (!json) {
        return json.error();
    }
    const auto spec = corpus::build_spec_from(*json);
    if (!spec) {
        return spec.error();
    }
    return corpus::build(*spec, directory, [&](const JobProgress& progress) {
        if (auto reported = directory.report(progress); !reported) {
            log_warning("progress not reported", {{"reason", reported.error().message}});
        }
    });
}

}  // namespace capstan::curation
