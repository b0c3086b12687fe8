#pragma once

// What goes into a step: rows of sequences, as far as there are blocks for what they will leave behind.
//
// Sequences that generate come first, a row each and one for each guess; what is left of the budget computes
// prompts, the best first. When blocks are missing, the last of all sequences gives up its own and is
// computed again later.

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/model/batch.h"
#include "engine/scheduling/sequence.h"
#include "engine/scheduling/sequence_memory.h"

namespace capstan::engine {

// Rows of one sequence in the batch.
struct BatchShare {
    Sequence* sequence = nullptr;
    std::int64_t rows = 0;
    std::int64_t logits = 0;  // How many of the rows want logits: all of them, or the last ones, or none.
};

struct Batch {
    std::vector<BatchRow> rows;
    std::vector<BatchShare> shares;
    std::int64_t generating = 0;       // Rows that follow a generated token, or a guess.
    std::int64_t prompt_tokens = 0;    // All other rows.
    std::int64_t known_tokens = 0;     // That did not become rows, since others had computed them.
    bool is_restoring = false;         // Blocks are read or copied back; more of them in the next step.
    std::vector<Sequence*> preempted;  // Have no blocks any more.
};

class BatchPlanner {
public:
    explicit BatchPlanner(SequenceMemory& memory) : memory_(memory) {}

    // Of `running`, the best first. Good until the next call.
    //   prompt_tokens  At most so many rows for prompts.
    Batch& plan(const std::vector<std::unique_ptr<Sequence>>& running, std::int64_t prompt_tokens);

private:
    void plan_generation(Sequence& sequence);
    void plan_prompt(Sequence& sequence, std::int64_t budget);
    bool follow(Sequence& sequence);
    bool copy_back(Sequence& sequence);
    std::int64_t room_for(Sequence& sequence, std::int64_t end);
    void add_rows(Sequence& sequence, std::int64_t rows);
    void preempt(Sequence& sequence);
    bool preempt_behind(const Sequence& sequence);
    bool is_planned(const Sequence& sequence) const;
    bool is_preempted(const Sequence& sequence) const;

    SequenceMemory& memory_;
    const std::vector<std::unique_ptr<Sequence>>* running_ = nullptr;
    std::int64_t prompt_tokens_max_ = 0;  // In this batch.
    Batch batch_;
};

}  // namespace capstan::engine
