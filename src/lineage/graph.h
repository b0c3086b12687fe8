#pragma once

// The graph of what came from what. A node is named "kind:id", such as "run:0197…"; an edge goes from what
// was made to what it was made from.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::lineage {

struct Node {
    std::string name;   // "kind:id"
    std::string label;  // For a person.
    std::string link;   // Path of the web page that shows it; may be empty.
    Json detail = Json::object();
};

struct Edge {
    std::string made;       // Node name.
    std::string made_from;  // Node name.
    std::string relation;   // "trained_on", "derived_from", "answered_by", …
};

struct Graph {
    std::string root;
    std::vector<Node> nodes;
    std::vector<Edge> edges;
    bool is_cut = false;  // More is there than the limits let through.
};

std::string node_name(std::string_view kind, std::string_view id);
std::string_view kind_of(std::string_view node_name);  // Before the colon; empty without one.
std::string_view id_of(std::string_view node_name);

// kInvalid unless it is "kind:id", with a kind of lower-case letters and '_', of at most 400 bytes in all.
Result<void> check_node_name(std::string_view node_name);

}  // namespace capstan::lineage
