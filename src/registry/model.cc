#include "registry/model.h"

namespace capstan::registry {

std::string_view name_of(VersionKind kind) {
    return kind == VersionKind::kFull ? "full" : "adapter";
}

std::string_view name_of(VersionStatus status) {
    switch (status) {
        case VersionStatus::kCandidate:
            return "candidate";
        case VersionStatus::kApproved:
            return "approved";
        case VersionStatus::kRejected:
            return "rejected";
    }
    return "candidate";
}

VersionKind version_kind_from(std::string_view name) {
    return name == "adapter" ? VersionKind::kAdapter : VersionKind::kFull;
}

Result<VersionStatus> parse_version_status(std::string_view name) {
    for (const auto status :
         {VersionStatus::kCandidate, VersionStatus::kApproved, VersionStatus::kRejected}) {
        if (name_of(status) == name) {
            return status;
        }
    }
    return Error{ErrorCode::kInvalid, "'status' must be candidate, approved or rejected"};
}

}  // namespace capstan::registry
