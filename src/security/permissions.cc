#include "security/permissions.h"

#include <algorithm>
#include <array>

namespace capstan::security {
namespace {

constexpr std::array<std::string_view, 4> kRoleNames = {"viewer", "editor", "operator", "admin"};

constexpr std::array kRules = std::to_array<PermissionRule>({
    {"self.read", Role::kViewer},        {"loop.read", Role::kViewer},
    {"datasets.read", Role::kViewer},    {"jobs.read", Role::kViewer},
    {"runs.read", Role::kViewer},        {"models.read", Role::kViewer},
    {"evaluations.read", Role::kViewer}, {"deployments.read", Role::kViewer},
    {"traces.read", Role::kViewer},      {"lineage.read", Role::kViewer},
    {"spend.read", Role::kViewer},       {"prompts.read", Role::kViewer},
    {"datasets.write", Role::kEditor},   {"runs.write", Role::kEditor},
    {"models.write", Role::kEditor},     {"evaluations.write", Role::kEditor},
    {"prompts.write", Role::kEditor},    {"feedback.write", Role::kEditor},
    {"inference.invoke", Role::kEditor}, {"deployments.write", Role::kOperator},
    {"jobs.write", Role::kOperator},     {"spend.write", Role::kOperator},
    {"keys.admin", Role::kAdmin},        {"audit.read", Role::kAdmin},
});

const PermissionRule* find_rule(std::string_view permission) {
    const auto found = std::ranges::find(kRules, permission, &PermissionRule::permission);
    return found != kRules.end() ? &*found : nullptr;
}

}  // namespace

std::string_view name_of(Role role) {
    return kRoleNames[static_cast<std::size_t>(role)];
}

Result<Role> parse_role(std::string_view name) {
    const auto found = std::ranges::find(kRoleNames, name);
    if (found == kRoleNames.end()) {
        return Error{ErrorCode::kInvalid, "'role' must be viewer, editor, operator or admin"};
    }
    return static_cast<Role>(found - kRoleNames.begin());
}

std::span<const PermissionRule> permission_rules() {
    return kRules;
}

bool is_permission(std::string_view permission) {
    return find_rule(permission) != nullptr;
}

bool may(Role role, std::string_view permission) {
    const PermissionRule* rule = find_rule(permission);
    return rule != nullptr && role >= rule->role_min;
}

std::vector<std::string> permissions_of(Role role) {
    std::vector<std::string> names;
    for (const PermissionRule& rule : kRules) {
        if (role >= rule.role_min) {
            names.emplace_back(rule.permission);
        }
    }
    return names;
}

}  // namespace capstan::security
