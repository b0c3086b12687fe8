#include "evaluation/verdict.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "metrics/bootstrap.h"
#include "metrics/significance.h"

namespace capstan::evaluation {
namespace {

Json interval_json(double value, double low, double high) {
    return Json::object({{"value", value}, {"low", low}, {"high", high}});
}

metrics::BootstrapSettings bootstrap_of(const EvaluationSpec& spec) {
    return {.seed = spec.seed};
}

Result<void> add_text_metrics(const TextScores& scores, const EvaluationSpec& spec, Json& json) {
    if (scores.tokens.empty()) {
        return {};
    }
    const auto per_token =
        metrics::bootstrap_ratio(scores.negative_log_likelihoods, scores.tokens, bootstrap_of(spec));
    const auto per_byte =
        metrics::bootstrap_ratio(scores.negative_log_likelihoods, scores.bytes, bootstrap_of(spec));
    if (!per_token || !per_byte) {
        return per_token ? per_byte.error() : per_token.error();
    }
    json.set(
        "perplexity",
        interval_json(std::exp(per_token->estimate), std::exp(per_token->low), std::exp(per_token->high))
    );
    constexpr double kNatsPerBit = std::numbers::ln2;
    json.set(
        "bits_per_byte",
        interval_json(
            per_byte->estimate / kNatsPerBit, per_byte->low / kNatsPerBit, per_byte->high / kNatsPerBit
        )
    );
    return {};
}

Result<Json> target_json(const TargetScores& target, const EvaluationSpec& spec) {
    Json numbers = Json::object();
    if (auto added = add_text_metrics(target.texts, spec, numbers); !added) {
        return added.error();
    }
    if (!target.answers.rouge_l.empty()) {
        const auto mean = metrics::bootstrap_mean(target.answers.rouge_l, bootstrap_of(spec));
        if (!mean) {
            return mean.error();
        }
        numbers.set("rouge_l", interval_json(mean->estimate, mean->low, mean->high));
    }
    return Json::object({{"label", target.label}, {"metrics", std::move(numbers)}});
}

Json rule_json(std::string rule, bool passed, std::string detail) {
    return Json::object({{"rule", std::move(rule)}, {"passed", passed}, {"detail", std::move(detail)}});
}

struct Comparison {
    double difference = 0;
    double low = 0;
    double high = 0;
    double p_value = 1;
};

Result<Comparison> compare_answers(const TargetScores& a, const TargetScores& b, const EvaluationSpec& spec) {
    const auto interval =
        metrics::bootstrap_paired_difference(a.answers.rouge_l, b.answers.rouge_l, bootstrap_of(spec));
    const auto test =
        metrics::paired_randomisation_test(a.answers.rouge_l, b.answers.rouge_l, {.seed = spec.seed});
    if (!interval || !test) {
        return interval ? test.error() : interval.error();
    }
    return Comparison{interval->estimate, interval->low, interval->high, test->p_value};
}

// The rule about perplexity; nothing when it was not measured.
void add_perplexity_rule(
    const Json& baseline, const Json& candidate, const EvaluationSpec& spec, Json& rules
) {
    const double before = baseline["metrics"]["perplexity"].double_or("value", 0);
    const double after = candidate["metrics"]["perplexity"].double_or("value", 0);
    if (before <= 0) {
        return;
    }
    rules.push(rule_json(
        fmt::format("perplexity at most {} times the baseline's", spec.gate.perplexity_ratio_max),
        after > 0 && after <= before * spec.gate.perplexity_ratio_max && std::isfinite(after),
        fmt::format("{:.2f} against {:.2f}", after, before)
    ));
}

// A gate that compared nothing lets nothing pass.
bool all_passed(const Json& rules) {
    return !rules.as_array()->empty() && std::ranges::all_of(*rules.as_array(), [](const Json& rule) {
        return rule.bool_or("passed", false);
    });
}

}  // namespace

Result<Json> verdict_of(const std::vector<TargetScores>& targets, const EvaluationSpec& spec) {
    Json target_items = Json::array();
    for (const TargetScores& target : targets) {
        auto json = target_json(target, spec);
        if (!json) {
            return json;
        }
        target_items.push(std::move(*json));
    }
    Json rules = Json::array();
    Json comparison;
    if (targets.size() >= 2) {
        add_perplexity_rule(target_items.as_array()->front(), target_items.as_array()->back(), spec, rules);
    }
    if (targets.size() >= 2 && targets.front().answers.rouge_l.size() >= 2) {
        const auto compared = compare_answers(targets.front(), targets.back(), spec);
        if (!compared) {
            return compared.error();
        }
        comparison = Json::object(
            {{"metric", "rouge_l"},
             {"difference", compared->difference},
             {"low", compared->low},
             {"high", compared->high},
             {"p_value", compared->p_value},
             {"questions", targets.front().answers.rouge_l.size()}}
        );
        rules.push(rule_json(
            fmt::format("ROUGE-L above the baseline's, p at most {}", spec.gate.rouge_l_p_value_max),
            compared->difference > 0 && compared->p_value <= spec.gate.rouge_l_p_value_max,
            fmt::format(
                "difference {:+.4f} [{:+.4f}, {:+.4f}], p = {:.4f}",
                compared->difference,
                compared->low,
                compared->high,
                compared->p_value
            )
        ));
    }
    const bool passed = all_passed(rules);
    return Json::object(
        {{"targets", std::move(target_items)},
         {"comparison", std::move(comparison)},
         {"gate", Json::object({{"passed", passed}, {"rules", std::move(rules)}})}}
    );
}

}  // namespace capstan::evaluation
