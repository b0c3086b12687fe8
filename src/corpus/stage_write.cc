#include <unordered_set>

#include "base/hash.h"
#include "corpus/decontaminate.h"
#include "corpus/pairs.h"
#include "corpus/split.h"
#include "corpus/stage.h"

namespace capstan::corpus {
namespace {

constexpr int kNumber = 4;

struct Prepared {
    std::string id;
    std::string line;
    std::uint64_t bytes = 0;
    std::vector<std::uint64_t> ngrams;    // Of a held-out record.
    ContaminationIndex::Overlap overlap;  // Of a training record.
    std::vector<Pair> pairs;
    DropLog dropped{0};
};

// What a training pair must not repeat of the held-out ones.
class PairGuard {
public:
    void hold_out(const Pair& pair) {
        heldout_.insert(xxh3_64("q" + pair.question));
        heldout_.insert(xxh3_64("a" + pair.answer));
    }

    // Why `pair` cannot be used, or empty.
    std::string_view fault_of(const Pair& pair, Side side) {
        const bool is_shared =
            heldout_.contains(xxh3_64("q" + pair.question)) || heldout_.contains(xxh3_64("a" + pair.answer));
        if (side == Side::kTrain && is_shared) {
            return "pair_in_heldout";
        }
        const auto whole = xxh3_64(pair.question + '\0' + pair.answer);
        return seen_.insert(whole).second ? "" : "repeated_pair";
    }

private:
    std::unordered_set<std::uint64_t> heldout_;
    std::unordered_set<std::uint64_t> seen_;
};

class Writing {
public:
    explicit Writing(const StageContext& context)
        : context_(context),
          spec_(context.spec),
          dropped_(spec_.examples_max),
          index_(spec_.decontaminate),
          train_(writer("train")),
          heldout_(writer("heldout")),
          train_pairs_(writer("pairs-train")),
          heldout_pairs_(writer("pairs-heldout")) {}

    Result<StageOutcome> run(const StageOutcome& dedup) {
        const auto stream = [&](std::string_view prefix) {
            return context_.stream("dedup", dedup, prefix, kNumber);
        };
        auto done = map_records<Prepared>(
            stream("heldout"),
            [this](const Record& record) { return prepare(record, Side::kHeldout); },
            [this](Prepared one) { return merge_heldout(std::move(one)); }
        );
        done = done ? add_user_pairs(stream("pairs-heldout"), Side::kHeldout) : done;
        if (done) {
            done = map_records<Prepared>(
                stream("train"),
                [this](const Record& record) { return prepare(record, Side::kTrain); },
                [this](Prepared one) { return merge_train(std::move(one)); }
            );
        }
        done = done ? add_user_pairs(stream("pairs-train"), Side::kTrain) : done;
        return done ? finish() : done.error();
    }

private:
    const StageContext& context_;
    const BuildSpec& spec_;
    DropLog dropped_;
    DropLog pairs_dropped_{spec_.examples_max};
    ContaminationIndex index_;
    ShardWriter train_;
    ShardWriter heldout_;
    ShardWriter train_pairs_;
    ShardWriter heldout_pairs_;
    PairGuard guard_;
    Flow in_;
    Flow out_;
    Flow heldout_flow_;
    std::uint64_t train_pair_count_ = 0;
    std::uint64_t heldout_pair_count_ = 0;
    std::unordered_set<std::uint64_t> shared_;  // Held-out n-grams that the training side still has.

    ShardWriter writer(std::string_view split) const {
        return {context_.directory.out(), std::string(split), spec_.shard_bytes_max};
    }

    Prepared prepare(const Record& record, Side side) const {
        Prepared prepared;
        prepared.id = record.id;
        prepared.line = to_line(record);
        prepared.bytes = record.text.size();
        if (spec_.remove_contaminated && side == Side::kHeldout) {
            prepared.ngrams = index_.ngrams_in(record.text);
        } else if (spec_.remove_contaminated) {
            prepared.overlap = index_.overlap_with(record.text);
        }
        if (spec_.pairs) {
            const PairSettings settings{.answer_bytes_max = spec_.answer_bytes_max, .seed = spec_.seed};
            const bool is_manpage = record.source.string_or("kind", "") == "manpage";
            prepared.pairs = is_manpage ? man_pairs(record, settings, prepared.dropped)
                                        : text_pairs(record, settings, prepared.dropped);
        }
        return prepared;
    }

    void count_pair_drops(const Prepared& one) {
        for (const std::string_view reason :
             {"no_name_section", "no_answer", "answer_too_long", "no_two_sentences"}) {
            for (std::uint64_t i = 0; i < one.dropped.count(reason); ++i) {
                pairs_dropped_.add({.reason = reason, .id = one.id, .detail = {}});
            }
        }
    }

    Result<void> merge_heldout(Prepared one) {
        in_.add(one.bytes);
        out_.add(one.bytes);
        heldout_flow_.add(one.bytes);
        count_pair_drops(one);
        for (const auto& pair : one.pairs) {
            if (auto added = add_pair(pair, Side::kHeldout); !added) {
                return added;
            }
        }
        if (spec_.remove_contaminated) {
            index_.add(one.ngrams);
        }
        return heldout_.add(one.line);
    }

    Result<void> merge_train(Prepared one) {
        in_.add(one.bytes);
        if (index_.is_contaminated(one.overlap)) {
            dropped_.add({.reason = "contaminated", .bytes = one.bytes, .id = one.id, .detail = {}});
            return {};
        }
        shared_.insert(one.overlap.ngrams.begin(), one.overlap.ngrams.end());
        out_.add(one.bytes);
        count_pair_drops(one);
        for (const auto& pair : one.pairs) {
            if (auto added = add_pair(pair, Side::kTrain); !added) {
                return added;
            }
        }
        return train_.add(one.line);
    }

    Result<void> add_pair(const Pair& pair, Side side) {
        const bool is_heldout = side == Side::kHeldout;
        if (is_heldout) {
            guard_.hold_out(pair);
        }
        if (const auto fault = guard_.fault_of(pair, side); !fault.empty()) {
            pairs_dropped_.add({.reason = fault, .bytes = pair.answer.size(), .id = pair.id, .detail = {}});
            return {};
        }
        (is_heldout ? heldout_pair_count_ : train_pair_count_) += 1;
        return (is_heldout ? heldout_pairs_ : train_pairs_).add(to_line(pair));
    }

    Result<void> add_user_pairs(const StreamSettings& stream, Side side) {
        return for_each_batch(stream, [&](const std::vector<std::string>& lines) -> Result<void> {
            for (const auto& line : lines) {
                const auto json = parse_json(line);
                const auto pair = json ? pair_from(*json) : Result<Pair>(json.error());
                if (!pair) {
                    return pair.error();
                }
                if (auto added = add_pair(*pair, side); !added) {
                    return added;
                }
            }
            return {};
        });
    }

    Result<StageOutcome> finish() {
        if (out_.records == heldout_flow_.records && train_pair_count_ == 0) {
            return Error{
                ErrorCode::kInvalid,
                "nothing is left to train on: the sources are empty or every record was dropped; loosen "
                "\"quality\", \"near_dedup\" or \"decontaminate\", or name more sources"
            };
        }
        StageOutcome outcome;
        for (auto* one : {&train_, &heldout_, &train_pairs_, &heldout_pairs_}) {
            auto files = one->finish();
            if (!files) {
                return files.error();
            }
            outcome.files.insert(outcome.files.end(), files->begin(), files->end());
        }
        const auto ngrams = static_cast<double>(index_.ngram_count());
        outcome.report = step_report("write", in_, out_, dropped_);
        outcome.report.set("train_records", out_.records - heldout_flow_.records);
        outcome.report.set("train_bytes", out_.bytes - heldout_flow_.bytes);
        outcome.report.set("heldout_records", heldout_flow_.records);
        outcome.report.set("heldout_bytes", heldout_flow_.bytes);
        outcome.report.set("train_pairs", train_pair_count_);
        outcome.report.set("heldout_pairs", heldout_pair_count_);
        outcome.report.set("pairs_dropped", pairs_dropped_.to_json());
        outcome.report.set(
            "heldout_ngrams_in_train", ngrams > 0 ? static_cast<double>(shared_.size()) / ngrams : 0.0
        );
        return outcome;
    }
};

}  // namespace

Result<StageOutcome> run_write(const StageContext& context, const StageOutcome& dedup) {
    return Writing(context).run(dedup);
}

}  // namespace capstan::corpus
