#pragma once

// The arms of a deployment compared by a score of their answers: by how much they differ, whether by more
// than chance, and what that says about the challenger.

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "deployments/deployment.h"

namespace capstan::app {

struct Arm {
    std::string label;
    std::vector<double> scores;
};

struct Comparison {
    double baseline_mean = 0;
    double challenger_mean = 0;
    double difference = 0;  // Challenger − baseline, with a 95 % interval.
    double low = 0;
    double high = 0;
    double p_value = 1;  // Of a permutation test, two-sided.
    std::string power_note;
    deployments::Outcome outcome =
        deployments::Outcome::kKeep;  // What the numbers ask for, at a level of 5 %.
    std::string reason;               // In a sentence.
};

// kInvalid when an arm has fewer than 5 scores: that decides nothing.
Result<Comparison> compare_arms(const Arm& baseline, const Arm& challenger);

Json to_json(const Comparison& comparison);

}  // namespace capstan::app
