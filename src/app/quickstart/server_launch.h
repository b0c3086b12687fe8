#pragma once

// A server on the home, for the quickstart: the one that runs, or one that is started and outlives us.

#include <string>

#include "app/quickstart/quickstart.h"
#include "base/result.h"

namespace capstan::app {

struct LaunchedServer {
    std::string url;
    std::string key;
    bool was_running = false;
};

// Makes the first admin key of a new home and keeps it in HOME/admin.key (mode 0600). kDenied when the home
// has keys and none of them is in that file or in $CAPSTAN_KEY; kUnavailable, with the end of its log, when
// the server does not come up.
Result<LaunchedServer> launch_server(const QuickstartOptions& options);

}  // namespace capstan::app
