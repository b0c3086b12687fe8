#pragma once

// The sampler's filters (sampler.h) where thousands of tokens may be left, as with top-p or typical-p and
// flat logits. Nothing is sorted: a histogram says in which part of the order the last token lies that is
// needed, and only that part is looked at again. So they cost a few passes over the vocabulary.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/sampling/log_softmax.h"
#include "llm/message.h"

namespace capstan::engine {

// Buffers are kept between calls.
class ManyCandidates {
public:
    // Weighs all tokens and leaves those that the filters of `sampling` leave. Those of a logit of minus
    // infinity are never left; nor are those that weigh less than 2^-125 of the most probable one.
    //   largest  Of the logits; the temperature is more than 0.
    void filter(std::span<const float> logits, float largest, const llm::Sampling& sampling);

    // The token at `uniform`, from [0, 1), of the weights that are left.
    llm::TokenId draw(double uniform);

    // Of all that are left, by id.
    std::vector<TokenProbability> distribution() const;

private:
    struct Item {
        float key = 0;
        float measure = 0;
        std::int32_t index = 0;
    };

    enum class Measure { kWeight, kCount };

    struct Wanted {
        Measure measure = Measure::kWeight;
        double enough = 0;  // A share of the weight that is left, or a count.
    };

    void order_by_logit(std::span<const float> logits, float largest);
    void order_by_surprise(std::span<const float> logits);
    void keep_first(const Wanted& wanted);
    std::uint16_t gather_crossing(const Wanted& wanted, double& enough, double& reached);
    double narrow(double enough, double reached);

    std::vector<float> weights_;          // Of all tokens; 0: not left.
    std::vector<float> keys_;             // Of all tokens: the lesser come first, equal ones by id.
    float least_key_ = 0;                 // That can be.
    float range_ = 0;                     // From there, of the keys of those that are left.
    std::vector<std::uint16_t> part_of_;  // Of each key's histogram.
    std::vector<double> parts_;           // The histogram; in a draw, sums of blocks of weights.
    std::vector<Item> items_;             // Those among which the last one needed is.
    std::vector<Item> narrower_;
};

}  // namespace capstan::engine
