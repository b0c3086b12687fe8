#include <unordered_set>

#include "base/hash.h"
#include "corpus/man_sections.h"
#include "corpus/stage.h"

namespace capstan::corpus {
namespace {

constexpr int kNumber = 2;

struct Cleaned {
    std::string id;
    std::string line;  // Of the record as it is now.
    std::uint64_t bytes_before = 0;
    std::uint64_t bytes = 0;
    std::uint64_t section_bytes = 0;
    std::uint64_t boilerplate_lines = 0;
    std::uint64_t boilerplate_bytes = 0;
    std::string_view fault;
    std::uint64_t digest = 0;        // XXH3 and XXH64 of the text: 128 bits
    std::uint64_t other_digest = 0;  // that no two texts share by chance.
};

struct PairHash {
    std::size_t operator()(const std::pair<std::uint64_t, std::uint64_t>& pair) const {
        return pair.first ^ pair.second;
    }
};

class Cleaning {
public:
    explicit Cleaning(const StageContext& context)
        : context_(context),
          spec_(context.spec),
          dropped_(spec_.examples_max),
          frequencies_(spec_.boilerplate),
          records_(context.folder_of("clean"), "records", kOneFile) {}

    Result<StageOutcome> run(const StageOutcome& read) {
        const auto stream = context_.stream("read", read, "records", kNumber);
        if (spec_.remove_boilerplate) {
            auto counted = map_records<std::vector<std::uint64_t>>(
                stream,
                [this](const Record& record) {
                    return line_hashes(without_removed_sections(record), spec_.boilerplate);
                },
                [this](const std::vector<std::uint64_t>& hashes) -> Result<void> {
                    frequencies_.add(hashes);
                    return {};
                }
            );
            if (!counted) {
                return counted.error();
            }
        }
        auto cleaned = map_records<Cleaned>(
            stream,
            [this](Record record) { return clean(std::move(record)); },
            [this](Cleaned one) { return merge(std::move(one)); }
        );
        return cleaned ? finish() : cleaned.error();
    }

private:
    const StageContext& context_;
    const BuildSpec& spec_;
    DropLog dropped_;
    LineFrequencies frequencies_;
    ShardWriter records_;
    Flow in_;
    Flow out_;
    std::uint64_t section_bytes_ = 0;
    std::uint64_t boilerplate_lines_ = 0;
    std::uint64_t boilerplate_bytes_ = 0;
    std::unordered_set<std::pair<std::uint64_t, std::uint64_t>, PairHash> seen_;

    std::string without_removed_sections(const Record& record) const {
        const bool is_page = record.source.string_or("kind", "") == "manpage";
        return is_page ? without_sections(record.text, spec_.sections_removed) : record.text;
    }

    Cleaned clean(Record record) const {
        Cleaned cleaned;
        cleaned.id = record.id;
        cleaned.bytes_before = record.text.size();
        if (spec_.remove_boilerplate) {
            record.text = without_removed_sections(record);
            cleaned.section_bytes = cleaned.bytes_before - record.text.size();
            auto cleared = without_boilerplate(record.text, frequencies_, spec_.boilerplate);
            cleaned.boilerplate_lines = cleared.lines;
            cleaned.boilerplate_bytes = cleared.bytes;
            record.text = std::move(cleared.text);
        }
        cleaned.bytes = record.text.size();
        if (record.text.empty()) {
            cleaned.fault = "only_boilerplate";
        } else if (spec_.filter_quality) {
            cleaned.fault = quality_fault(record.text, spec_.quality);
        }
        if (cleaned.fault.empty()) {
            cleaned.digest = xxh3_64(record.text);
            cleaned.other_digest = xxh64(record.text);
            cleaned.line = to_line(record);
        }
        return cleaned;
    }

    Result<void> merge(Cleaned one) {
        in_.add(one.bytes_before);
        section_bytes_ += one.section_bytes;
        boilerplate_lines_ += one.boilerplate_lines;
        boilerplate_bytes_ += one.boilerplate_bytes;
        if (one.fault.empty() && spec_.exact_dedup && !seen_.emplace(one.digest, one.other_digest).second) {
            one.fault = "exact_duplicate";
        }
        if (!one.fault.empty()) {
            dropped_.add({.reason = one.fault, .bytes = one.bytes, .id = one.id, .detail = {}});
            return {};
        }
        out_.add(one.bytes);
        return records_.add(one.line);
    }

    Result<StageOutcome> finish() {
        auto files = records_.finish();
        if (!files) {
            return files.error();
        }
        StageOutcome outcome{.files = *std::move(files), .report = step_report("clean", in_, out_, dropped_)};
        outcome.report.set("section_bytes_removed", section_bytes_);
        outcome.report.set("boilerplate_lines_removed", boilerplate_lines_);
        outcome.report.set("boilerplate_bytes_removed", boilerplate_bytes_);
        outcome.report.set("boilerplate_complete", !frequencies_.is_full());
        return outcome;
    }
};

}  // namespace

Result<StageOutcome> run_clean(const StageContext& context, const StageOutcome& read) {
    return Cleaning(context).run(read);
}

}  // namespace capstan::corpus
