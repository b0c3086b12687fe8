#pragma once

// Which requests a load test sends, and when: drawn before it begins, so that one seed is one load, whatever
// the server does.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::serving {

// Lengths of one request, in tokens.
struct CallLengths {
    std::int64_t prompt_tokens = 128;
    std::int64_t completion_tokens = 128;
};

struct LoadOptions {
    std::int64_t calls = 100;     // 1 to 1,000,000
    double calls_per_second = 0;  // Arrivals of a Poisson process; 0: all at once.
    std::uint64_t seed = 1;
    std::string lengths =
        "fixed";             // "fixed", "sharegpt", "alpaca", or a CSV file of prompt,completion pairs.
    CallLengths fixed = {};  // Of "fixed".
    std::int64_t tokens_max = 2048;  // Prompt and completion together; longer ones are cut.
    std::int64_t shared_tokens =
        0;  // So many first tokens are the same in every prompt, beside prompt_tokens.
    std::vector<std::string> models = {};  // Taken in turn: a model and its adapters, say. At least one.
};

struct PlannedCall {
    std::int64_t at_us = 0;  // From the beginning of the test.
    std::string model;
    std::vector<std::int32_t> prompt;  // Token ids: from kPlannedTokenMin to below kPlannedTokenEnd.
    std::int64_t completion_tokens = 0;
};

// Ids that are ordinary tokens in every vocabulary of 8,000 or more.
inline constexpr std::int32_t kPlannedTokenMin = 300;
inline constexpr std::int32_t kPlannedTokenEnd = 8000;

// In the order of arrival. kInvalid, naming the option, for what is out of range; errors of the file of
// lengths with their line.
Result<std::vector<PlannedCall>> plan_load(const LoadOptions& options);

// "prompt,completion" a line, the numbers of tokens of real requests; a first line without digits is a title.
Result<std::vector<CallLengths>> parse_lengths(std::string_view csv);

}  // namespace capstan::serving
