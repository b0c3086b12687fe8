#pragma once

// What an answer must look like, as the sampler sees it: after each token, the set of those that may follow.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "llm/message.h"

namespace capstan::engine {

// A set of tokens.
struct TokenMask {
    std::vector<std::uint64_t> bits;   // Token t is bit t % 64 of word t / 64; none behind the vocabulary.
    std::int64_t count = 0;            // How many are in the set.
    std::vector<llm::TokenId> tokens;  // All of them, by id, when there are at most kListedTokensMax.

    static constexpr std::int64_t kListedTokensMax = 1024;

    bool allows(llm::TokenId token) const {
        const auto index = static_cast<std::size_t>(token);
        return index / 64 < bits.size() && ((bits[index / 64] >> (index % 64)) & 1U) != 0;
    }

    bool is_listed() const { return count <= kListedTokensMax; }
};

// The state of one sequence: which of its tokens so far were seen. Used by one thread at a time.
class TokenConstraint {
public:
    TokenConstraint() = default;
    virtual ~TokenConstraint() = default;
    TokenConstraint(const TokenConstraint&) = delete;
    TokenConstraint& operator=(const TokenConstraint&) = delete;

    // The tokens that may come next, at least one; end tokens are among them when `may_end`. Valid until the
    // next call of `accept` or `rollback`. kInvalid when no token of the vocabulary can go on, kTooLarge when
    // the grammar is so ambiguous that finding out costs too much. Cost: microseconds for what was seen
    // before, by any sequence of the same grammar; else up to some milliseconds.
    virtual Result<const TokenMask*> allowed() = 0;

    // One more token of the sequence. kInvalid for one that is not allowed, kTooLarge as for `allowed`; then
    // nothing changes. An end token,
    // which needs `may_end`, changes nothing else than that it can be rolled back.
    virtual Result<void> accept(llm::TokenId token) = 0;

    // What was accepted so far is a whole answer.
    virtual bool may_end() const = 0;

    // It is one, and nothing but an end can follow.
    virtual bool must_end() const = 0;

    // Forgets the last `count` accepted tokens; there must be as many. For speculation.
    virtual void rollback(std::int64_t count) = 0;

    // A second sequence with the same beginning, for beams. Cost: linear in the tokens so far, a word each.
    virtual std::unique_ptr<TokenConstraint> clone() const = 0;
};

// A grammar and a vocabulary, ready to constrain many sequences at once. Immutable to its users; thread-safe.
class CompiledGrammar {
public:
    CompiledGrammar() = default;
    virtual ~CompiledGrammar() = default;
    CompiledGrammar(const CompiledGrammar&) = delete;
    CompiledGrammar& operator=(const CompiledGrammar&) = delete;

    // At the start of an answer. The constraint keeps what it needs of the grammar alive.
    virtual std::unique_ptr<TokenConstraint> start() const = 0;

    // Of memory that it holds, about; grows with what its sequences meet.
    virtual std::size_t bytes() const { return 0; }
};

}  // namespace capstan::engine
