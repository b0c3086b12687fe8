#include "text/token_trie.h"

#include <algorithm>

namespace capstan::text {

// Level by level over the sorted entries: those of one node are a range of them.
TokenTrie::TokenTrie(std::vector<Entry> entries) {
    std::erase_if(entries, [](const Entry& entry) { return entry.text.empty(); });
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
        return a.text != b.text ? a.text < b.text : a.value < b.value;
    });

    struct Range {
        std::size_t begin;
        std::size_t end;
    };

    std::vector<Range> level{{0, entries.size()}};
    nodes_.emplace_back();
    std::size_t first_of_level = 0;
    for (std::size_t depth = 0; !level.empty(); ++depth) {
        std::vector<Range> next;
        for (std::size_t i = 0; i < level.size(); ++i) {
            auto [at, end] = level[i];
            while (at < end && entries[at].text.size() == depth) {
                at += 1;  // The entries that end here were the node's value.
            }
            nodes_[first_of_level + i].first_child = static_cast<std::uint32_t>(nodes_.size());
            while (at < end) {
                const char byte = entries[at].text[depth];
                const std::size_t begin = at;
                while (at < end && entries[at].text[depth] == byte) {
                    at += 1;
                }
                nodes_.push_back({.byte = static_cast<std::uint8_t>(byte)});
                if (entries[begin].text.size() == depth + 1) {
                    nodes_.back().value = entries[begin].value;
                }
                nodes_[first_of_level + i].children += 1;
                next.push_back({begin, at});
            }
        }
        first_of_level += level.size();
        level = std::move(next);
    }
    const Node& root = nodes_.front();
    for (std::uint32_t i = 0; i < root.children; ++i) {
        roots_[nodes_[root.first_child + i].byte] = root.first_child + i;
    }
}

std::uint32_t TokenTrie::child_of(const Node& node, std::uint8_t byte) const {
    const Node* begin = nodes_.data() + node.first_child;
    const Node* end = begin + node.children;
    const Node* child = node.children <= 8
                            ? std::ranges::find_if(begin, end, [&](const Node& n) { return n.byte >= byte; })
                            : std::ranges::lower_bound(begin, end, byte, {}, &Node::byte);
    return child != end && child->byte == byte ? static_cast<std::uint32_t>(child - nodes_.data()) : 0;
}

}  // namespace capstan::text
