#pragma once

// One real turn of the loop by one command: everything through the API of a server on the home, as a user
// would do it. Each step has an idempotency key, so that an interrupted quickstart, started again, goes on
// where it was.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace capstan::app {

struct QuickstartOptions {
    std::filesystem::path home;
    std::string from;  // A folder or a .jsonl file; empty: the manual pages of this machine.
    std::string port;  // Of a server that must be started; empty: 8080, or any free one when that is taken.
    bool fast = false;
    bool stop_after = false;  // Stop the server at the end.
};

Result<void> run_quickstart(const QuickstartOptions& options);

}  // namespace capstan::app
