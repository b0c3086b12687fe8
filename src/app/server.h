#pragma once

// `capstan serve`: everything that runs while the server runs.

#include <memory>

#include "app/settings.h"
#include "base/result.h"

namespace capstan::app {

// Blocks until SIGTERM or SIGINT, then drains for up to 10 s. Prints the first admin key, once, on a home
// without keys.
Result<void> serve(const ServerSettings& settings);

}  // namespace capstan::app
