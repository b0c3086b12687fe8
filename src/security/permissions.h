#pragma once

// Roles and what each may do: the one table of permissions. Each route names one of them.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::security {

// Each role may do all that the ones before it may.
enum class Role { kViewer, kEditor, kOperator, kAdmin };

std::string_view name_of(Role role);             // "viewer"
Result<Role> parse_role(std::string_view name);  // kInvalid, listing the roles.

struct PermissionRule {
    std::string_view permission;  // "runs.read"
    Role role_min;
};

std::span<const PermissionRule> permission_rules();

bool is_permission(std::string_view permission);

// False for a permission that is not in the table.
bool may(Role role, std::string_view permission);

std::vector<std::string> permissions_of(Role role);

}  // namespace capstan::security
