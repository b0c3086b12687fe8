#include "base/result.h"

namespace capstan {

std::string_view name_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalid:
            return "invalid";
        case ErrorCode::kDenied:
            return "denied";
        case ErrorCode::kUnauthorized:
            return "unauthorized";
        case ErrorCode::kNotFound:
            return "not_found";
        case ErrorCode::kConflict:
            return "conflict";
        case ErrorCode::kTooLarge:
            return "too_large";
        case ErrorCode::kExhausted:
            return "exhausted";
        case ErrorCode::kUnavailable:
            return "unavailable";
        case ErrorCode::kCancelled:
            return "cancelled";
        case ErrorCode::kInternal:
            return "internal";
    }
    return "internal";  // A value outside the enumeration came from memory corruption.
}

int exit_code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalid:
            return 2;
        case ErrorCode::kDenied:
        case ErrorCode::kUnauthorized:
            return 3;
        case ErrorCode::kNotFound:
            return 4;
        case ErrorCode::kConflict:
            return 5;
        case ErrorCode::kTooLarge:
        case ErrorCode::kExhausted:
            return 6;
        case ErrorCode::kUnavailable:
            return 7;
        case ErrorCode::kCancelled:
            return 8;
        case ErrorCode::kInternal:
            return 1;
    }
    return 1;
}

Error with_context(std::string_view context, Error error) {
    error.message = std::string(context) + ": " + error.message;
    return error;
}

}  // namespace capstan
