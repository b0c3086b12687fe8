#include "engine/grammar/compiled_grammar.h"

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "engine/grammar/token_masks.h"

namespace capstan::engine {
namespace {

// What is never changed, and outlives the masks.
struct Parts {
    Automaton automaton;
    std::shared_ptr<const TokenTrie> trie;  // Shared with the other grammars.
};

// Masks that sequences fill together.
struct SharedMasks {
    explicit SharedMasks(std::shared_ptr<const Parts> of)
        : parts(std::move(of)), masks(parts->automaton, *parts->trie), start(masks.configurations().start()) {
        count_bytes();
    }

    void count_bytes() { bytes = masks.bytes(); }

    std::shared_ptr<const Parts> parts;
    std::mutex mutex;  // Guards what follows; what a mask points to never changes.
    TokenMasks masks;
    const ConfigurationId start;
    std::atomic<std::size_t> bytes = 0;  // Of the masks: who asks for it does not wait for one being made.
};

class GrammarConstraint : public TokenConstraint {
public:
    GrammarConstraint(std::shared_ptr<SharedMasks> shared, std::vector<ConfigurationId> history)
        : shared_(std::move(shared)), history_(std::move(history)) {}

    Result<const TokenMask*> allowed() override {
        const std::scoped_lock lock(shared_->mutex);
        auto mask = shared_->masks.mask_of(history_.back());
        shared_->count_bytes();
        if (mask && (*mask)->count == 0) {
            return Error{
                ErrorCode::kInvalid,
                "no token of the vocabulary can go on within the grammar: it is nested too deep, or needs "
                "bytes "
                "that the model cannot write"
            };
        }
        return mask;
    }

    Result<void> accept(llm::TokenId token) override {
        const std::scoped_lock lock(shared_->mutex);
        Configurations& configurations = shared_->masks.configurations();
        ConfigurationId next = history_.back();
        if (shared_->parts->trie->is_end(token)) {
            if (!configurations.accepts(next)) {
                return refuse(token);
            }
            history_.push_back(next);
            return {};
        }
        const std::string_view text = shared_->parts->trie->text_of(token);
        for (const char c : text) {
            next = configurations.step(next, static_cast<std::uint8_t>(c));
        }
        shared_->count_bytes();
        if (next == Configurations::kTooWide) {
            return TokenMasks::too_ambiguous();
        }
        if (text.empty() || next == Configurations::kDead) {
            return refuse(token);
        }
        history_.push_back(next);
        return {};
    }

    bool may_end() const override {
        const std::scoped_lock lock(shared_->mutex);
        return shared_->masks.configurations().accepts(history_.back());
    }

    bool must_end() const override {
        const std::scoped_lock lock(shared_->mutex);
        return !shared_->masks.configurations().can_go_on(history_.back());
    }

    void rollback(std::int64_t count) override {
        CHECK(count >= 0 && count < std::ssize(history_), "as many tokens were accepted");
        history_.resize(history_.size() - static_cast<std::size_t>(count));
    }

    std::unique_ptr<TokenConstraint> clone() const override {
        return std::make_unique<GrammarConstraint>(shared_, history_);
    }

private:
    static Error refuse(llm::TokenId token) {
        return Error{ErrorCode::kInvalid, fmt::format("token {} is not what the grammar allows here", token)};
    }

    std::shared_ptr<SharedMasks> shared_;   // Shared with the other sequences of the grammar.
    std::vector<ConfigurationId> history_;  // At the start, and after each token.
};

class MaskedGrammar : public CompiledGrammar {
public:
    MaskedGrammar(std::shared_ptr<const Parts> parts, std::size_t masks_bytes_max)
        : parts_(std::move(parts)),
          masks_bytes_max_(masks_bytes_max),
          shared_(std::make_shared<SharedMasks>(parts_)) {}

    std::unique_ptr<TokenConstraint> start() const override {
        const std::scoped_lock lock(mutex_);
        if (shared_->bytes > masks_bytes_max_) {
            // Sequences under way keep the old ones.
            shared_ = std::make_shared<SharedMasks>(parts_);
        }
        return std::make_unique<GrammarConstraint>(shared_, std::vector<ConfigurationId>{shared_->start});
    }

    std::size_t bytes() const override {
        const std::scoped_lock lock(mutex_);
        return parts_->automaton.states.size() * sizeof(AutomatonState) + shared_->bytes;
    }

private:
    std::shared_ptr<const Parts> parts_;
    std::size_t masks_bytes_max_;
    mutable std::mutex mutex_;  // Guards the pointer below.
    mutable std::shared_ptr<SharedMasks> shared_;
};

}  // namespace

Result<std::shared_ptr<const CompiledGrammar>> compile_grammar(
    const Grammar& grammar, std::shared_ptr<const TokenTrie> trie, std::size_t masks_bytes_max
) {
    auto automaton = build_automaton(grammar);
    if (!automaton) {
        return automaton.error();
    }
    return std::make_shared<const MaskedGrammar>(
        std::make_shared<const Parts>(Parts{.automaton = std::move(*automaton), .trie = std::move(trie)}),
        masks_bytes_max
    );
}

}  // namespace capstan::engine
