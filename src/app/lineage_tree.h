#pragma once

// What GET /api/v1/lineage/{node} answers, as a tree for people.

#include <string>

#include "base/json.h"

namespace capstan::app {

// The root's line, what it came from as branches below it, and behind that what came of it, when the answer
// has such edges. A node that stands in several places has its own branches at the first and says "above" at
// the others.
std::string render_lineage_tree(const Json& answer);

}  // namespace capstan::app
