#pragma once

// `capstan bench serve`: loads a server that speaks OpenAI's API and reports what its callers saw.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "serving/load_plan.h"
#include "serving/load_run.h"
#include "serving/load_summary.h"

namespace capstan::serving {

struct LoadCommand {
    LoadTarget target;
    LoadOptions load;
    ServiceLevel level;
    std::int64_t warm_up_calls = 0;      // Sent one after the other before the test, and not counted.
    int server_pid = 0;                  // Whose memory is watched; 0: nobody's.
    std::filesystem::path html_file;     // Empty: none.
    std::filesystem::path records_file;  // One JSON line a request; empty: none.
    bool prints_json = false;
};

// Prints the figures. kUnavailable when no request was answered; errors of the options and files are theirs.
Result<void> run_load_command(const LoadCommand& command);

}  // namespace capstan::serving
