#pragma once

// The loop at a glance: where each of its stages stands, for the first page.

#include "app/house.h"

namespace capstan::app {

void add_loop_routes(House& house);  // The house outlives its router.

}  // namespace capstan::app
