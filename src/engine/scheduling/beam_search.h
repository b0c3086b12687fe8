#pragma once

// Beam search: of all continuations that begin with one of the k best so far, the k best go on (Lowerre 1976;
// the definition of scores and of the end is that of Hugging Face's `generate`).
//
// In each round every beam offers its most probable tokens. Of all offers, by the sum of log-probabilities,
// those that end are finished hypotheses if they are among the k best, and the k best that do not end are the
// next beams. Equal sums go to the earlier beam, then to the smaller token. A finished hypothesis scores
// sum / length^penalty, its end token counted. The search is over when there are k finished ones and the
// options' early stopping says so, or at the limit of tokens, where everything ends.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/sampling/log_softmax.h"
#include "engine/scheduling/token_channel.h"
#include "llm/message.h"

namespace capstan::engine {

// Shared by the beams of one request. Used from the engine's thread only.
class BeamSearch {
public:
    struct Options {
        llm::BeamOptions beams = {};
        std::int64_t tokens_max = 0;
    };

    // One channel for each beam; the best answer goes to the first.
    BeamSearch(Options options, std::vector<std::shared_ptr<TokenChannel>> channels);

    std::int64_t width() const { return std::ssize(channels_); }

    // So many offers of a beam are enough, when so many tokens end an answer.
    std::int64_t offers_max(std::int64_t end_tokens) const {
        return std::max<std::int64_t>(2, 1 + end_tokens) * width();
    }

    // The most probable tokens behind a beam. Once in a round.
    void offer(std::int64_t beam, const std::vector<TokenProbability>& tokens);

    // Every beam has offered.
    bool is_round_complete() const { return offered_ == std::ssize(beams_); }

    // What beam `index` of the next round is: the beam it goes on from, and its token.
    struct Step {
        std::int64_t parent = 0;
        llm::TokenId token = 0;
    };

    // The next round's beams, at most `width`; none when the search is over.
    //   end_tokens  Sorted. Empty: nothing ends before the limit.
    std::vector<Step> advance(std::span<const llm::TokenId> end_tokens);

    // For all channels, before the end.
    void set_start(const SequenceStart& start);

    // Hands out the answers, or the error. Later calls do nothing.
    void finish(const Result<llm::FinishReason>& outcome);

    bool has_ended() const { return has_ended_; }

    // All callers gave up.
    bool is_cancelled() const;

private:
    struct Hypothesis {
        std::vector<ScoredToken> tokens;
        double sum = 0;
        double score = 0;
        llm::FinishReason reason = llm::FinishReason::kLength;
    };

    struct Offer {
        std::int64_t beam = 0;
        TokenProbability token;
        double sum = 0;
    };

    double score_of(double sum, std::size_t length) const;
    Hypothesis continued(const Offer& offer, bool ends) const;
    void add_finished(Hypothesis hypothesis);
    bool is_over() const;

    Options options_;
    std::vector<std::shared_ptr<TokenChannel>> channels_;
    std::vector<Hypothesis> beams_;
    std::vector<Hypothesis> finished_;  // The best first; at most `width`.
    std::vector<Offer> offers_;         // Of this round.
    std::int64_t offered_ = 0;          // Beams.
    bool has_ended_ = false;
};

}  // namespace capstan::engine
