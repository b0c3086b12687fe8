#pragma once

// Decides what goes through the model in each step, and carries out what comes of it: continuous batching.
//
// Every running sequence that decodes has one row in every step; what is left of the step's rows prefills
// prompts, the oldest first, so a long prompt never stalls the others' tokens for longer than one step.
// Sequences start in the order in which they came, when the cache has room for all that they may need: one
// that started never runs out of memory.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/cache/kv_cache.h"
#include "engine/model/model.h"
#include "engine/scheduling/sequence.h"
#include "engine/scheduling/sequence_queue.h"

namespace capstan::engine {

struct SchedulerLimits {
    std::size_t running_max = 16;
    std::size_t prefill_tokens_max = 128;  // Prompt tokens in one step, of all sequences.
};

struct SchedulerStats {
    std::int64_t running = 0;
    std::int64_t steps = 0;
    std::int64_t prompt_tokens = 0;     // Computed since the start.
    std::int64_t generated_tokens = 0;  // Since the start.
    std::int64_t kv_bytes_used = 0;
};

// Everything but `stats` is called from one thread.
class Scheduler {
public:
    struct Parts {
        Model& model;  // These outlive the scheduler.
        KvCache& cache;
        SequenceQueue& queue;
    };

    Scheduler(Parts parts, SchedulerLimits limits) : parts_(parts), limits_(limits) {}

    // Ends what was cancelled, starts what may start, and computes one batch. False when there was nothing to
    // compute.
    bool step();

    bool is_idle() const { return running_.empty(); }

    // Ends all that runs or waits with kUnavailable.
    void shut_down();

    SchedulerStats stats() const;  // Thread-safe.

private:
    // Rows of one sequence in the batch.
    struct Share {
        Sequence* sequence;
        std::int64_t rows;
        std::int64_t logits;  // How many of the rows want logits: all of them, or the last, or none.
    };

    void drop_cancelled();
    void admit();
    void plan();
    void plan_sequence(Sequence& sequence, std::int64_t rows);
    void deliver(std::span<const float> logits);
    void score_prompt(Sequence& sequence, std::int64_t position, std::span<const float> logits) const;
    bool generate(Sequence& sequence, std::span<const float> logits);
    void end(Sequence& sequence, Result<llm::FinishReason> outcome);
    void remove_ended();

    Parts parts_;
    SchedulerLimits limits_;
    std::vector<std::unique_ptr<Sequence>> running_;  // In the order in which they came.
    std::vector<BatchRow> rows_;
    std::vector<Share> shares_;
    std::vector<Sequence*> ended_;

    std::atomic<std::int64_t> running_count_ = 0;
    std::atomic<std::int64_t> steps_ = 0;
    std::atomic<std::int64_t> prompt_tokens_ = 0;
    std::atomic<std::int64_t> generated_tokens_ = 0;
    std::atomic<std::int64_t> kv_bytes_used_ = 0;
};

}  // namespace capstan::engine
