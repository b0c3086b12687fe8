#include <unordered_set>

#include <fmt/format.h>

#include "base/hash.h"
#include "corpus/man_render.h"
#include "corpus/man_sections.h"
#include "corpus/stage.h"

namespace capstan::corpus {
namespace {

constexpr int kNumber = 1;
constexpr int kRenamesMax = 1000;
constexpr std::size_t kReportEvery = 256;

class Reading {
public:
    explicit Reading(const StageContext& context)
        : context_(context),
          dropped_(context.spec.examples_max),
          records_(context.folder_of("read"), "records", kOneFile),
          pairs_(context.folder_of("read"), "pairs", kOneFile) {}

    Result<StageOutcome> run() {
        for (const auto& source : context_.spec.sources) {
            auto read = std::holds_alternative<PathSettings>(source)
                            ? read_user_path(std::get<PathSettings>(source))
                            : read_manual(std::get<ManListSettings>(source));
            if (!read) {
                return read.error();
            }
        }
        return finish();
    }

private:
    const StageContext& context_;
    DropLog dropped_;
    ShardWriter records_;
    ShardWriter pairs_;
    Flow in_;
    Flow out_;
    std::uint64_t pairs_read_ = 0;
    std::uint64_t renamed_ = 0;
    std::unordered_set<std::string> ids_;

    Result<void> read_user_path(const PathSettings& settings) {
        return read_path(settings, dropped_, [this](Item item) {
            if (auto* pair = std::get_if<Pair>(&item)) {
                return add_pair(std::move(*pair));
            }
            auto& record = std::get<Record>(item);
            const std::uint64_t bytes = record.text.size();
            return add_record(std::move(record), bytes);
        });
    }

    Result<void> read_manual(const ManListSettings& settings) {
        const auto pages = list_man_pages(settings, dropped_);
        if (!pages) {
            return pages.error();
        }
        const ManRenderSettings render{
            .folder = context_.directory.work() / "render", .threads = context_.spec.threads, .limits = {}
        };
        return render_man_pages(*pages, render, dropped_, [this](RenderedPage rendered) {
            const ManPage& page = *rendered.page;
            const std::uint64_t bytes = rendered.text.size();
            return add_record(
                Record{
                    .id = page.id(),
                    .text = std::string(without_man_frame(rendered.text)),
                    .source = Json::object({{"kind", "manpage"}, {"path", page.path.string()}}),
                    .meta = Json::object(
                        {{"name", page.name}, {"section", page.section}, {"package", page.package}}
                    ),
                },
                bytes
            );
        });
    }

    // Two files may give the same id; neither is lost.
    bool make_unique(std::string& id) {
        if (ids_.insert(id).second) {
            return true;
        }
        for (int number = 2; number < kRenamesMax; ++number) {
            std::string other = fmt::format("{}~{}", id, number);
            if (ids_.insert(other).second) {
                id = std::move(other);
                renamed_ += 1;
                return true;
            }
        }
        return false;
    }

    Result<void> add_record(Record record, std::uint64_t bytes) {
        in_.add(bytes);
        auto text = normalise(record.text, context_.spec.normalise);
        if (!text || text->empty()) {
            const std::string_view reason = text ? "empty" : "not_utf8";
            dropped_.add({.reason = reason, .bytes = bytes, .id = record.id, .detail = {}});
            return {};
        }
        if (!make_unique(record.id)) {
            dropped_.add({.reason = "repeated_id", .bytes = bytes, .id = record.id, .detail = {}});
            return {};
        }
        record.text = *std::move(text);
        out_.add(record.text.size());
        if (out_.records > context_.spec.records_max || out_.bytes > context_.spec.text_bytes_max) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format(
                    "the sources hold more than {} records or {} bytes of text; split them over several "
                    "builds",
                    context_.spec.records_max,
                    context_.spec.text_bytes_max
                )
            };
        }
        if (out_.records % kReportEvery == 0) {
            context_.report(kNumber, out_.records);
        }
        return records_.add(to_line(record));
    }

    Result<void> add_pair(Pair pair) {
        pairs_read_ += 1;
        if (pairs_read_ > context_.spec.records_max) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format("the sources hold more than {} pairs", context_.spec.records_max)
            };
        }
        return pairs_.add(to_line(pair));
    }

    Result<StageOutcome> finish() {
        StageOutcome outcome;
        for (auto* writer : {&records_, &pairs_}) {
            auto files = writer->finish();
            if (!files) {
                return files.error();
            }
            outcome.files.insert(outcome.files.end(), files->begin(), files->end());
        }
        outcome.report = step_report("read", in_, out_, dropped_);
        outcome.report.set("pairs", pairs_read_);
        outcome.report.set("ids_renamed", renamed_);
        return outcome;
    }
};

}  // namespace

Result<StageOutcome> run_read(const StageContext& context) {
    return Reading(context).run();
}

}  // namespace capstan::corpus
