#include "app/lineage_tree.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace capstan::app {
namespace {

struct Branch {
    std::string relation;
    std::string node;
};

using Branches = std::map<std::string, std::vector<Branch>>;  // By the node that they grow from.

class Tree {
public:
    explicit Tree(const Json& answer) {
        if (const auto* nodes = answer["nodes"].as_array()) {
            for (const Json& node : *nodes) {
                labels_[node.string_or("id", "")] = node.string_or("label", "");
            }
        }
    }

    // The node's name, and the id with which one walks on from it.
    std::string title(const std::string& node) const {
        const auto label = labels_.find(node);
        const bool says_more =
            label != labels_.end() && !label->second.empty() && !node.ends_with(":" + label->second);
        return says_more ? label->second + "  " + node : node;
    }

    void draw(const std::string& node, const Branches& branches, const std::string& indent) {
        const auto grown = branches.find(node);
        if (grown == branches.end()) {
            return;
        }
        for (std::size_t i = 0; i < grown->second.size(); ++i) {
            const Branch& branch = grown->second[i];
            const bool is_last = i + 1 == grown->second.size();
            const bool is_above = branches.contains(branch.node) && !drawn_.insert(branch.node).second;
            text += indent + (is_last ? "└─ " : "├─ ") + branch.relation + " " + title(branch.node) +
                    (is_above ? "  (above)" : "") + "\n";
            if (!is_above) {
                draw(branch.node, branches, indent + (is_last ? "   " : "│  "));
            }
        }
    }

    std::string text;

private:
    std::map<std::string, std::string> labels_;  // By node.
    std::set<std::string> drawn_;
};

}  // namespace

std::string render_lineage_tree(const Json& answer) {
    Branches up;
    Branches down;
    if (const auto* edges = answer["edges"].as_array()) {
        for (const Json& edge : *edges) {
            const std::string from = edge.string_or("from", "");
            const std::string to = edge.string_or("to", "");
            std::string relation = edge.string_or("relation", "");
            std::ranges::replace(relation, '_', ' ');
            up[from].push_back({relation + ":", to});
            down[to].push_back({"◂ " + relation + ":", from});
        }
    }
    const std::string root = answer.string_or("root", "");
    Tree tree(answer);
    tree.text = tree.title(root) + "\n";
    tree.draw(root, up, "");
    if (down.contains(root)) {
        Tree below(answer);
        below.draw(root, down, "");
        tree.text += "What came of it:\n" + below.text;
    }
    if (answer.bool_or("is_cut", false)) {
        tree.text += "… there is more: walk on from a node above\n";
    }
    return tree.text;
}

}  // namespace capstan::app
