#pragma once

// Which tokens may follow each configuration, found once and kept.
//
// As in XGrammar (Dong et al. 2024): for a part of a configuration that forgets the stack below it, the
// tokens fall into three: it takes them, it refuses them, or they leave the part (a quote that ends a string
// and what comes behind it) and the stack decides. The first two are kept for each part; a configuration adds
// up those of its parts and looks only at the third with its own stacks.

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/grammar/configurations.h"
#include "engine/grammar/token_constraint.h"
#include "engine/grammar/token_trie.h"

namespace capstan::engine {

// Not thread-safe.
class TokenMasks {
public:
    // Both outlive it.
    TokenMasks(const Automaton& automaton, const TokenTrie& trie)
        : trie_(trie), configurations_(automaton, kPartBytes) {}

    Configurations& configurations() { return configurations_; }

    // The tokens that may follow, end tokens included when the configuration accepts; empty when none may.
    // Lives as long as this. kTooLarge when finding out costs more than kMaskWorkMax, or memory over
    // kMaskBytesMax.
    Result<const TokenMask*> mask_of(ConfigurationId id);

    std::size_t bytes() const;  // Of memory, about.

    static Error too_ambiguous();

    static constexpr std::int64_t kMaskWorkMax = 5'000'000;
    static constexpr std::size_t kMaskBytesMax = std::size_t{256} << 20;

private:
    // Of a token, what a part looks at: longer ones are rare, and left to the whole configuration. So counts
    // of repetitions matter to parts only when they are within so many bytes of their end.
    static constexpr std::int32_t kPartBytes = 20;

    // What a part does with the tokens, whatever is below it.
    struct PartMask {
        std::vector<std::uint64_t> accepted;
        std::vector<std::int32_t> undecided;  // Nodes of the trie: all tokens at and below them.
    };

    struct Place {
        ConfigurationId configuration = Configurations::kDead;
        bool escaped = false;  // Before here, the part was left: the stack might take what the part refuses.
    };

    Result<const PartMask*> part(ConfigurationId id);
    Result<void> walk_part(ConfigurationId id, PartMask& mask);
    Result<void> decide(ConfigurationId id, std::vector<std::int32_t> undecided, TokenMask& mask);
    Result<void> decide_below(std::int32_t root, TokenMask& mask);
    const TokenMask* keep(TokenMask mask);
    void add_tokens(std::vector<std::uint64_t>& bits, std::size_t node) const;
    Result<void> check_cost(ConfigurationId latest);

    std::size_t words() const { return (trie_.vocabulary() + 63) / 64; }

    const TokenTrie& trie_;
    Configurations configurations_;
    std::unordered_map<ConfigurationId, std::unique_ptr<PartMask>> parts_;
    std::unordered_map<ConfigurationId, const TokenMask*> mask_of_;
    std::unordered_multimap<std::uint64_t, std::unique_ptr<TokenMask>> masks_;  // By a hash of their bits.
    std::vector<Place> places_;                                                 // By depth, of a walk.
    std::vector<std::int32_t> path_;  // By depth: nodes of the trie.
    std::int64_t work_allowed_ = 0;
    std::int64_t work_checked_ = -1;
    std::size_t mask_bytes_ = 0;
};

}  // namespace capstan::engine
