#pragma once

// Sends a planned load to any server that speaks OpenAI's API, and notes when each token came.
//
// Open loop: a request leaves at its planned time, however many are still being answered, as users do. One
// that cannot leave because too many are under way is counted as not sent, and not hidden in a queue here.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/load_plan.h"

namespace capstan::serving {

struct LoadTarget {
    std::string url;  // Before "/v1/completions".
    std::string key;  // Sent as a bearer token; empty: none.
    // Token ids go to /v1/completions; as text, so many short words go to /v1/chat/completions, for servers
    // that take no ids. Then the numbers of tokens are those that the server counts.
    bool is_chat = false;
    bool ignores_end =
        true;  // Asks to go on behind end tokens (vLLM's ignore_eos), so that lengths are as planned.
    int under_way_max = 512;
    std::int64_t call_ms_max = 600'000;
};

struct CallRecord {
    std::int64_t sent_us = 0;             // From the beginning; of the plan when it was not sent.
    std::int64_t late_us = 0;             // Sent so long after its planned time.
    std::vector<std::int64_t> pieces_us;  // When each piece of text came, from the beginning.
    std::int64_t end_us = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t cached_tokens = 0;  // Of the prompt, when the server tells.
    std::int64_t completion_tokens = 0;
    int status = 0;     // 0: not sent, or no answer.
    std::string error;  // Empty for a whole answer.

    bool is_ok() const { return error.empty(); }
};

// Blocks until all calls have ended. `on_progress` hears how many have, now and then, on another thread.
std::vector<CallRecord> run_load(
    const LoadTarget& target,
    const std::vector<PlannedCall>& calls,
    const std::function<void(std::int64_t ended)>& on_progress
);

}  // namespace capstan::serving
