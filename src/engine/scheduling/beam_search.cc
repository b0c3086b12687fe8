#include "engine/scheduling/beam_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace capstan::engine {

BeamSearch::BeamSearch(Options options, std::vector<std::shared_ptr<TokenChannel>> channels)
    : options_(std::move(options)), channels_(std::move(channels)), beams_(1) {}

void BeamSearch::offer(std::int64_t beam, const std::vector<TokenProbability>& tokens) {
    const double sum = beams_[static_cast<std::size_t>(beam)].sum;
    for (const TokenProbability& token : tokens) {
        offers_.push_back({.beam = beam, .token = token, .sum = sum + token.log_probability});
    }
    ++offered_;
}

std::vector<BeamSearch::Step> BeamSearch::advance(std::span<const llm::TokenId> end_tokens) {
    std::ranges::sort(offers_, [](const Offer& a, const Offer& b) {
        if (a.sum != b.sum) {
            return a.sum > b.sum;
        }
        return a.beam != b.beam ? a.beam < b.beam : a.token.token < b.token.token;
    });
    const bool is_last = std::ssize(beams_[0].tokens) + 1 == options_.tokens_max;
    std::vector<Hypothesis> next;
    std::vector<Step> steps;
    for (std::size_t rank = 0; rank < offers_.size() && std::ssize(next) < width(); ++rank) {
        const Offer& offer = offers_[rank];
        const bool ends = std::ranges::binary_search(end_tokens, offer.token.token);
        if (!ends && !is_last) {
            next.push_back(continued(offer, ends));
            steps.push_back({.parent = offer.beam, .token = offer.token.token});
        } else if (std::cmp_less(rank, width())) {
            add_finished(continued(offer, ends));
        }
    }
    beams_ = std::move(next);
    offers_.clear();
    offered_ = 0;
    return is_over() ? std::vector<Step>{} : steps;
}

double BeamSearch::score_of(double sum, std::size_t length) const {
    return sum / std::pow(static_cast<double>(length), options_.beams.length_penalty);
}

BeamSearch::Hypothesis BeamSearch::continued(const Offer& offer, bool ends) const {
    Hypothesis hypothesis = beams_[static_cast<std::size_t>(offer.beam)];
    hypothesis.tokens.push_back({
        .token = offer.token.token,
        .log_probability = offer.token.log_probability,
        .top = {},
        .is_end = ends,
    });
    hypothesis.sum = offer.sum;
    hypothesis.score = score_of(offer.sum, hypothesis.tokens.size());
    hypothesis.reason = ends ? llm::FinishReason::kStop : llm::FinishReason::kLength;
    return hypothesis;
}

void BeamSearch::add_finished(Hypothesis hypothesis) {
    const auto at =
        std::ranges::upper_bound(finished_, hypothesis.score, std::ranges::greater{}, &Hypothesis::score);
    finished_.insert(at, std::move(hypothesis));
    if (std::ssize(finished_) > width()) {
        finished_.pop_back();
    }
}

bool BeamSearch::is_over() const {
    if (beams_.empty()) {
        return true;
    }
    if (std::ssize(finished_) < width()) {
        return false;
    }
    const auto [length_penalty, early_stopping] = options_.beams;
    std::size_t length = beams_[0].tokens.size();
    switch (early_stopping) {
        case llm::EarlyStopping::kAtOnce:
            return true;
        case llm::EarlyStopping::kWhenNoneIsBetter:
            break;
        case llm::EarlyStopping::kWhenNoneCanBeBetter:
            length = length_penalty > 0 ? static_cast<std::size_t>(options_.tokens_max) : length;
            break;
    }
    return finished_.back().score >= score_of(beams_[0].sum, length);
}

void BeamSearch::finish(const Result<llm::FinishReason>& outcome) {
    if (std::exchange(has_ended_, true)) {
        return;
    }
    for (std::size_t i = 0; i < channels_.size(); ++i) {
        if (!outcome || *outcome == llm::FinishReason::kCancelled || i >= finished_.size()) {
            channels_[i]->finish(outcome);
            continue;
        }
        for (ScoredToken& token : finished_[i].tokens) {
            channels_[i]->push(std::move(token));
        }
        channels_[i]->finish(finished_[i].reason);
    }
}

void BeamSearch::set_start(const SequenceStart& start) {
    for (const auto& channel : channels_) {
        channel->set_start(start);
    }
}

bool BeamSearch::is_cancelled() const {
    return std::ranges::all_of(channels_, [](const auto& channel) { return channel->cancelled(); });
}

}  // namespace capstan::engine
