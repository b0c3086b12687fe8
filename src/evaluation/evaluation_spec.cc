#include "evaluation/evaluation_spec.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace capstan::evaluation {
namespace {

constexpr std::array<std::string_view, 10> kMembers = {
    "targets",
    "heldout",
    "pairs",
    "documents_max",
    "document_tokens_max",
    "questions_max",
    "answer_tokens_max",
    "seed",
    "threads",
    "gate",
};

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

constexpr std::size_t kLabelBytesMax = 100;
constexpr std::array<std::string_view, 2> kGateMembers = {"rouge_l_p_value_max", "perplexity_ratio_max"};
constexpr std::array<std::string_view, 3> kTargetMembers = {"label", "model_dir", "adapter_dir"};

// kInvalid when `json` is no object, or has a member that is none of `names`.
Result<void> check_members(const Json& json, std::string_view what, std::span<const std::string_view> names) {
    const auto* members = json.as_object();
    if (members == nullptr) {
        return invalid(fmt::format("{} must be an object", what));
    }
    for (const auto& [name, value] : *members) {
        if (std::ranges::find(names, name) == names.end()) {
            return invalid(fmt::format("'{}' is no setting of {}", name.substr(0, 100), what));
        }
    }
    return {};
}

Result<std::vector<std::filesystem::path>> read_paths(const Json& json, std::string_view name) {
    std::vector<std::filesystem::path> paths;
    const auto* items = json[name].as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        if (const auto* path = (*items)[i].as_string()) {
            paths.emplace_back(*path);
        }
    }
    if (!json[name].is_null() && (items == nullptr || paths.size() != items->size())) {
        return invalid(fmt::format("'{}' must be a list of paths", name));
    }
    return paths;
}

struct Range {
    std::int64_t low;
    std::int64_t high;
};

// Leaves `target` alone when the member is absent.
template <typename Integer>
Result<void> read_integer(const Json& json, std::string_view name, Range range, Integer& target) {
    const Json& value = json[name];
    if (value.is_null()) {
        return {};
    }
    const auto number = value.as_int();
    if (!number || *number < range.low || *number > range.high) {
        return invalid(fmt::format("'{}' must be an integer from {} to {}", name, range.low, range.high));
    }
    target = static_cast<Integer>(*number);
    return {};
}

Result<void> read_number(const Json& json, std::string_view name, double& target) {
    const Json& value = json[name];
    if (value.is_null()) {
        return {};
    }
    const auto number = value.as_double();
    if (!number || !(*number >= 0 && *number <= 1e6)) {
        return invalid(fmt::format("'gate.{}' must be a number from 0 to 1,000,000", name));
    }
    target = *number;
    return {};
}

Result<std::vector<TargetSpec>> read_targets(const Json& json) {
    std::vector<TargetSpec> targets;
    const auto* items = json["targets"].as_array();
    if (items == nullptr || items->empty() || items->size() > 8) {
        return invalid("'targets' must be a list of 1 to 8 models");
    }
    for (const Json& item : *items) {
        if (auto known = check_members(item, "each of 'targets'", kTargetMembers); !known) {
            return known.error();
        }
        TargetSpec target{
            item.string_or("label", ""), item.string_or("model_dir", ""), item.string_or("adapter_dir", "")
        };
        const bool is_repeated =
            std::ranges::find(targets, target.label, &TargetSpec::label) != targets.end();
        if (target.label.empty() || target.label.size() > kLabelBytesMax || target.model_dir.empty() ||
            is_repeated) {
            return invalid(
                "each of 'targets' needs a 'label' of its own, of at most 100 bytes, and a 'model_dir'"
            );
        }
        targets.push_back(std::move(target));
    }
    return targets;
}

Result<void> read_sizes(const Json& json, EvaluationSpec& spec) {
    if (!json["gate"].is_null()) {
        if (auto known = check_members(json["gate"], "'gate'", kGateMembers); !known) {
            return known;
        }
    }
    for (auto read : {
             read_integer(json, "documents_max", {1, 100'000}, spec.documents_max),
             read_integer(json, "document_tokens_max", {2, 131'072}, spec.document_tokens_max),
             read_integer(json, "questions_max", {0, 100'000}, spec.questions_max),
             read_integer(json, "answer_tokens_max", {1, 4096}, spec.answer_tokens_max),
             read_integer(json, "seed", {0, INT64_MAX}, spec.seed),
             read_integer(json, "threads", {1, 256}, spec.threads),
             read_number(json["gate"], "rouge_l_p_value_max", spec.gate.rouge_l_p_value_max),
             read_number(json["gate"], "perplexity_ratio_max", spec.gate.perplexity_ratio_max),
         }) {
        if (!read) {
            return read;
        }
    }
    return {};
}

}  // namespace

Result<EvaluationSpec> evaluation_spec_from(const Json& json) {
    if (auto known = check_members(json, "the specification of an evaluation", kMembers); !known) {
        return known.error();
    }
    EvaluationSpec spec;
    auto targets = read_targets(json);
    auto heldout = read_paths(json, "heldout");
    auto pairs = read_paths(json, "pairs");
    if (!targets || !heldout || !pairs) {
        return !targets ? targets.error() : !heldout ? heldout.error() : pairs.error();
    }
    if (auto read = read_sizes(json, spec); !read) {
        return read.error();
    }
    spec.targets = std::move(*targets);
    spec.heldout = std::move(*heldout);
    spec.pairs = std::move(*pairs);
    if (spec.heldout.empty() && spec.pairs.empty()) {
        return invalid("an evaluation needs 'heldout' texts or 'pairs'");
    }
    return spec;
}

}  // namespace capstan::evaluation
