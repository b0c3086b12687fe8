#include "corpus/record_stream.h"

#include "base/job_directory.h"
#include "corpus/line_reader.h"

namespace capstan::corpus {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
constexpr std::size_t kOwnLineBytesMax = std::size_t{256} << 20;

}  // namespace

Result<void> for_each_batch(
    const StreamSettings& settings, const std::function<Result<void>(const std::vector<std::string>&)>& work
) {
    std::uint64_t records = 0;
    std::vector<std::string> lines;
    std::size_t bytes = 0;
    const auto run = [&]() -> Result<void> {
        if (stop_requested()) {
            return Error{ErrorCode::kCancelled, "stopped on request"};
        }
        auto done = work(lines);
        records += lines.size();
        lines.clear();
        bytes = 0;
        if (done && settings.on_batch) {
            settings.on_batch(records);
        }
        return done;
    };
    for (const auto& file : settings.files) {
        auto reader = LineReader::open(file, kOwnLineBytesMax);
        if (!reader) {
            return reader.error();
        }
        while (true) {
            const auto line = reader->next();
            if (!line) {
                return line.error();
            }
            if (!*line) {
                break;
            }
            lines.emplace_back((*line)->text);
            bytes += (*line)->text.size();
            if (bytes >= kBatchBytes) {
                if (auto done = run(); !done) {
                    return done;
                }
            }
        }
    }
    return lines.empty() ? Result<void>() : run();
}

}  // namespace capstan::corpus
