#include <unordered_map>

#include "corpus/split.h"
#include "corpus/stage.h"
#include "corpus/words.h"
#include "safety/pii.h"

namespace capstan::corpus {
namespace {

constexpr int kNumber = 3;

struct Signed {
    std::string id;
    std::vector<std::uint64_t> signature;
};

struct Masked {
    std::string id;
    std::string line;
    std::uint64_t bytes_before = 0;
    std::uint64_t bytes = 0;
    std::array<std::uint64_t, safety::kPiiTypes> found{};
};

class Dedup {
public:
    explicit Dedup(const StageContext& context)
        : context_(context),
          spec_(context.spec),
          dropped_(spec_.examples_max),
          minhash_(spec_.near_dedup.minhash),
          train_(context.folder_of("dedup"), "train", kOneFile),
          heldout_(context.folder_of("dedup"), "heldout", kOneFile),
          train_pairs_(context.folder_of("dedup"), "pairs-train", kOneFile),
          heldout_pairs_(context.folder_of("dedup"), "pairs-heldout", kOneFile) {
        pii_.types = spec_.pii_types.empty() ? pii_.types : 0;
        for (const auto& name : spec_.pii_types) {
            if (const auto type = safety::parse_pii_type(name)) {
                pii_.types |= 1U << static_cast<unsigned>(*type);
            }
        }
    }

    Result<StageOutcome> run(const StageOutcome& read, const StageOutcome& clean) {
        const auto stream = context_.stream("clean", clean, "records", kNumber);
        auto done = find_roots(stream);
        if (done) {
            done = map_records<Masked>(
                stream,
                [this](Record record) { return mask_record(std::move(record)); },
                [this](Masked one) { return merge(std::move(one)); }
            );
        }
        if (done) {
            done = split_pairs(context_.stream("read", read, "pairs", kNumber));
        }
        return done ? finish() : done.error();
    }

private:
    const StageContext& context_;
    const BuildSpec& spec_;
    DropLog dropped_;
    MinHash minhash_;
    safety::PiiSettings pii_;
    ShardWriter train_;
    ShardWriter heldout_;
    ShardWriter train_pairs_;
    ShardWriter heldout_pairs_;
    std::vector<std::string> ids_;
    std::vector<std::uint32_t> roots_;
    std::size_t next_ = 0;  // The record that merge() gets next.
    Flow in_;
    Flow out_;
    Flow heldout_flow_;
    std::array<std::uint64_t, safety::kPiiTypes> found_{};

    Result<void> find_roots(const StreamSettings& stream) {
        std::vector<std::vector<std::uint64_t>> signatures;
        auto mapped = map_records<Signed>(
            stream,
            [this](Record record) {
                Signed one{.id = std::move(record.id), .signature = {}};
                if (spec_.near_duplicates != NearDuplicates::kIgnore) {
                    const std::string simple = simplify(record.text);
                    const auto words = split_words(simple);
                    one.signature =
                        minhash_.signature(shingle_hashes(words, spec_.near_dedup.minhash.shingle_words));
                }
                return one;
            },
            [&](Signed one) -> Result<void> {
                ids_.push_back(std::move(one.id));
                signatures.push_back(std::move(one.signature));
                return {};
            }
        );
        if (mapped) {
            roots_ = near_duplicate_roots(signatures, spec_.near_dedup);
        }
        return mapped;
    }

    Masked mask_record(Record record) const {
        Masked masked;
        masked.id = record.id;
        masked.bytes_before = record.text.size();
        record.text = mask_text(record.text, masked.found);
        masked.bytes = record.text.size();
        masked.line = to_line(record);
        return masked;
    }

    std::string mask_text(const std::string& text, std::array<std::uint64_t, safety::kPiiTypes>& found)
        const {
        if (!spec_.mask_pii) {
            return text;
        }
        auto masked = safety::mask(text, safety::find_pii(text, pii_));
        for (std::size_t type = 0; type < found.size(); ++type) {
            found[type] += masked.counts[type];
        }
        return std::move(masked.text);
    }

    Result<void> merge(Masked one) {
        const std::uint32_t root = roots_[next_];
        const bool is_kept = root == next_ || spec_.near_duplicates != NearDuplicates::kDrop;
        next_ += 1;
        in_.add(one.bytes_before);
        if (!is_kept) {
            dropped_.add(
                {.reason = "near_duplicate",
                 .bytes = one.bytes_before,
                 .id = one.id,
                 .detail = "like " + ids_[root]}
            );
            return {};
        }
        for (std::size_t type = 0; type < found_.size(); ++type) {
            found_[type] += one.found[type];
        }
        out_.add(one.bytes);
        if (side_of(ids_[root], spec_.heldout_fraction, spec_.seed) == Side::kHeldout) {
            heldout_flow_.add(one.bytes);
            return heldout_.add(one.line);
        }
        return train_.add(one.line);
    }

    // A pair is on the side of the record it was made from.
    Result<void> split_pairs(const StreamSettings& stream) {
        std::unordered_map<std::string_view, std::uint32_t> number_of;
        if (!stream.files.empty()) {
            for (std::uint32_t i = 0; i < ids_.size(); ++i) {
                number_of.emplace(ids_[i], i);
            }
        }
        return for_each_batch(stream, [&](const std::vector<std::string>& lines) -> Result<void> {
            for (const auto& line : lines) {
                const auto json = parse_json(line);
                auto pair = json ? pair_from(*json) : Result<Pair>(json.error());
                if (!pair) {
                    return pair.error();
                }
                pair->question = mask_text(pair->question, found_);
                pair->answer = mask_text(pair->answer, found_);
                const auto record = number_of.find(pair->record);
                const std::string& key = record != number_of.end() ? ids_[roots_[record->second]]
                                         : !pair->record.empty()   ? pair->record
                                         : !pair->page.empty()     ? pair->page
                                                                   : pair->id;
                const Side side = side_of(key, spec_.heldout_fraction, spec_.seed);
                auto& writer = side == Side::kHeldout ? heldout_pairs_ : train_pairs_;
                if (auto added = writer.add(to_line(*pair)); !added) {
                    return added;
                }
            }
            return {};
        });
    }

    Result<StageOutcome> finish() {
        StageOutcome outcome;
        for (auto* writer : {&train_, &heldout_, &train_pairs_, &heldout_pairs_}) {
            auto files = writer->finish();
            if (!files) {
                return files.error();
            }
            outcome.files.insert(outcome.files.end(), files->begin(), files->end());
        }
        Json masked = Json::object();
        for (std::size_t type = 0; type < found_.size(); ++type) {
            if (found_[type] > 0) {
                masked.set(safety::name_of(static_cast<safety::PiiType>(type)), found_[type]);
            }
        }
        outcome.report = step_report("dedup", in_, out_, dropped_);
        outcome.report.set("pii_masked", std::move(masked));
        outcome.report.set("heldout_records", heldout_flow_.records);
        outcome.report.set("heldout_bytes", heldout_flow_.bytes);
        return outcome;
    }
};

}  // namespace

Result<StageOutcome> run_dedup(
    const StageContext& context, const StageOutcome& read, const StageOutcome& clean
) {
    return Dedup(context).run(read, clean);
}

}  // namespace capstan::corpus
