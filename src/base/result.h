#pragma once

// What a function returns when it may fail for a reason its caller should handle.
//
// Result<T> is a std::expected<T, Error> that may not be dropped. Broken invariants are not Errors: they end
// the process (base/check.h).

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace capstan {

// Why an operation failed. Chosen so that HTTP status, CLI exit code and retry policy follow from it.
enum class ErrorCode {
    kInvalid,       // The request itself is wrong; repeating it cannot succeed.
    kDenied,        // The caller is known, but may not do this.
    kUnauthorized,  // The caller is unknown: no key, or a wrong one.
    kNotFound,      // The named thing does not exist.
    kConflict,      // The thing exists, or has changed since the caller read it.
    kTooLarge,      // The input is over a stated limit.
    kExhausted,     // A quota, budget or queue is full; later may succeed.
    kUnavailable,   // A database, provider or device did not answer; a retry may succeed.
    kCancelled,     // The caller went away or the deadline passed.
    kInternal,      // Our fault. The detail is logged, never sent to the caller.
};

// The code's stable name on the wire, such as "not_found".
std::string_view name_of(ErrorCode code);

// The CLI's exit code: 1 internal, 2 invalid, 3 denied or unauthorized, 4 not found, 5 conflict, 6 too large
// or exhausted, 7 unavailable, 8 cancelled; 0 is success.
int exit_code_of(ErrorCode code);

struct Error {
    ErrorCode code;
    std::string message;  // For a person: what failed, which name or value, what to do.
};

// The same error with `context` and ": " before its message.
Error with_context(std::string_view context, Error error);

template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
public:
    using std::expected<T, Error>::expected;

    Result(Error error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}
};

}  // namespace capstan
