#include "llm/message.h"

#include <utility>

#include <fmt/format.h>

namespace capstan::llm {
namespace {

struct Range {
    std::string_view name;
    double value;
    double low;
    double high;
};

Result<void> check(const Range& range) {
    if (range.value >= range.low && range.value <= range.high) {
        return {};
    }
    return Error{
        ErrorCode::kInvalid,
        fmt::format("'{}' is {}; it must be from {} to {}", range.name, range.value, range.low, range.high)
    };
}

}  // namespace

std::string_view name_of(Role role) {
    switch (role) {
        case Role::kSystem:
            return "system";
        case Role::kUser:
            return "user";
        case Role::kAssistant:
            return "assistant";
        case Role::kTool:
            return "tool";
    }
    return "user";
}

std::optional<Role> parse_role(std::string_view name) {
    if (name == "developer") {
        return Role::kSystem;
    }
    for (const Role role : {Role::kSystem, Role::kUser, Role::kAssistant, Role::kTool}) {
        if (name == name_of(role)) {
            return role;
        }
    }
    return std::nullopt;
}

Result<void> validate(const Sampling& sampling) {
    for (const Range& range : {
             Range{"temperature", sampling.temperature, 0, 2},
             Range{"top_p", sampling.top_p, 0, 1},
             Range{"top_k", static_cast<double>(sampling.top_k), 0, 1 << 30},
             Range{"min_p", sampling.min_p, 0, 1},
             Range{"typical_p", sampling.typical_p, 0, 1},
             Range{"frequency_penalty", sampling.frequency_penalty, -2, 2},
             Range{"presence_penalty", sampling.presence_penalty, -2, 2},
             Range{"repetition_penalty", sampling.repetition_penalty, 0, 10},
         }) {
        if (auto checked = check(range); !checked) {
            return checked;
        }
    }
    for (const auto& [name, value] : {
             std::pair("top_p", sampling.top_p),
             std::pair("typical_p", sampling.typical_p),
             std::pair("repetition_penalty", sampling.repetition_penalty),
         }) {
        if (value == 0) {
            return Error{ErrorCode::kInvalid, fmt::format("'{}' must be greater than 0", name)};
        }
    }
    for (const auto& [token, bias] : sampling.logit_bias) {
        if (token < 0) {
            return Error{
                ErrorCode::kInvalid, fmt::format("'logit_bias' names token {}; ids start at 0", token)
            };
        }
        const std::string name = fmt::format("logit_bias[{}]", token);
        if (auto checked = check({name, bias, -100, 100}); !checked) {
            return checked;
        }
    }
    return {};
}

}  // namespace capstan::llm
