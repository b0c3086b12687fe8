#pragma once

// Lineage of what has no rows in the graph: responses, from their traces, down to the records and sources
// that they are closest to.

#include "app/house.h"

namespace capstan::app {

void add_lineage_expanders(House& house);  // Before the first request. The house outlives them.

}  // namespace capstan::app
