#pragma once

// Which strings of a set does a text begin with? A trie over bytes, made once, twelve bytes a node.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace capstan::text {

class TokenTrie {
public:
    struct Entry {
        std::string_view text;
        std::int32_t value = 0;  // At least 0.
    };

    TokenTrie() = default;

    // Of equal texts the least value stays; empty ones are left out. The texts may go afterwards. Cost: n log
    // n.
    explicit TokenTrie(std::vector<Entry> entries);

    // Calls on_match(bytes, value) for each entry that `text` begins with, the shortest first. Cost: linear
    // in the longest entry.
    template <typename OnMatch>
    void for_each_prefix(std::string_view text, const OnMatch& on_match) const {
        if (nodes_.empty() || text.empty()) {
            return;
        }
        std::uint32_t at = roots_[static_cast<std::uint8_t>(text.front())];
        for (std::size_t bytes = 1; at != 0; ++bytes) {
            const Node& node = nodes_[at];
            if (node.value >= 0) {
                on_match(bytes, node.value);
            }
            if (bytes == text.size()) {
                return;
            }
            at = child_of(node, static_cast<std::uint8_t>(text[bytes]));
        }
    }

private:
    struct Node {
        std::uint32_t first_child = 0;  // The children lie in order of their bytes.
        std::int32_t value = -1;
        std::uint16_t children = 0;
        std::uint8_t byte = 0;
    };

    std::uint32_t child_of(const Node& node, std::uint8_t byte) const;  // 0 when there is none.

    std::vector<Node> nodes_;  // The first is the root.
    std::array<std::uint32_t, 256> roots_{};
};

}  // namespace capstan::text
