#pragma once

// Carries sequences from the queue to their end, one batch after the other: continuous batching.
//
// A sequence starts when it is its turn (waiting_line.h) and there is memory for its prompt. It takes more as
// it grows; when none is left, the last in the order of preference is preempted: it gives up its blocks, goes
// back to the line, and has them again later, copied back (spill_area.h) or computed again, to the same bits.
// So what comes out of a sequence does not depend on the others; only when it comes does.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "engine/cache/kv_cache.h"
#include "engine/model/model.h"
#include "engine/scheduling/batch_planner.h"
#include "engine/scheduling/sequence.h"
#include "engine/scheduling/sequence_memory.h"
#include "engine/scheduling/sequence_queue.h"
#include "engine/scheduling/speculation.h"
#include "engine/scheduling/step_budget.h"
#include "engine/scheduling/waiting_line.h"

namespace capstan::engine {

// What becomes of a model's rows.
enum class EngineOutput {
    kTokens,   // Logits, and from them tokens and scores.
    kVectors,  // One vector of each prompt: all sequences have a pooling.
};

struct SchedulerLimits {
    std::size_t running_max = 32;
    std::size_t prefill_tokens_max = 512;  // Prompt tokens in one step, of all sequences.
    SpeculationLimits speculation = {};
    // Of one step while sequences generate, met by fewer prompt tokens; 0: always prefill_tokens_max.
    std::int64_t step_target_us = 100'000;
    EngineOutput output = EngineOutput::kTokens;
    SpillLimits spill = {};
};

// Steps are counted by how many tokens were in them, with vLLM's bounds; those above are counted behind the
// last.
inline constexpr std::array<std::int64_t, 13> kStepTokenBounds = {
    1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384
};

struct StepCount {
    std::int64_t steps = 0;
    std::int64_t tokens = 0;  // In all of them.
};

struct SchedulerStats {
    std::int64_t running = 0;
    std::int64_t steps = 0;
    std::int64_t step_us = 0;               // Of the last step.
    std::int64_t prompt_tokens = 0;         // Computed since the start, those computed again among them.
    std::int64_t cached_prompt_tokens = 0;  // Known and not computed, since the start.
    std::int64_t generated_tokens = 0;      // Since the start.
    std::int64_t preemptions = 0;           // Since the start.
    std::int64_t guessed_tokens = 0;        // By speculation, since the start.
    std::int64_t accepted_tokens = 0;       // Of the guessed, those that came true.
    std::int64_t kv_bytes_used = 0;         // By sequences that run.
    std::int64_t kv_bytes_cached = 0;       // By none, kept for sequences that begin alike.
    std::int64_t kv_bytes_wasted = 0;       // Of kv_bytes_used: they hold no token.
    std::int64_t kv_bytes_spilled = 0;      // Of preempted sequences, beside the cache.
    std::int64_t kv_bytes_copied_back = 0;  // From there, since the start.
    std::int64_t kv_bytes_restored = 0;     // From a file, since the start.
    std::array<StepCount, kStepTokenBounds.size() + 1> steps_by_tokens = {};  // By kStepTokenBounds.
};

// Everything but `stats` and `release_memory` is called from one thread.
class Scheduler {
public:
    struct Parts {
        Model& model;  // These outlive the scheduler.
        BlockKvCache& cache;
        SequenceQueue& queue;
        PrefixStore* store = nullptr;       // Null: what is evicted is lost.
        DraftModel* draft = nullptr;        // Null: guesses come from the sequences' own tokens.
        ClockMs now_ms = monotonic_now_ms;  // For deadlines.
    };

    Scheduler(Parts parts, SchedulerLimits limits);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // Ends what was cancelled or is late, starts what may start, and computes one batch. False when there was
    // nothing to compute.
    bool step();

    // Nothing runs and nothing waits to run again.
    bool is_idle() const { return running_.empty() && line_.size() == 0; }

    // Ends all that runs or waits with kUnavailable.
    void shut_down();

    // Thread-safe: at the next step, all memory that no running sequence needs goes back to the system.
    void release_memory() { must_release_ = true; }

    SchedulerStats stats() const;  // Thread-safe.

private:
    void receive();
    void drop_ended();
    void admit();
    bool may_start(const Sequence& sequence) const;
    bool refuse(Sequence& sequence);
    void start(std::unique_ptr<Sequence> sequence);
    void insert_running(std::unique_ptr<Sequence> sequence);
    bool preempt_for(const Sequence& sequence);
    void put_back(std::span<Sequence* const> preempted);

    void compute(const Batch& batch);
    void deliver(const Batch& batch, std::span<const float> logits);
    std::int64_t row_width() const;
    void deliver_rows(const BatchShare& share, std::span<const float>& logits);
    void learn_from_guesses(Sequence& sequence, std::int64_t accepted);
    void fork(Sequence& sequence, std::span<const float> logits);
    void offer(Sequence& beam, std::span<const float> logits);
    void advance(BeamGroup& group);
    Sequence& bear(const Sequence& parent);
    void add_token(Sequence& beam, llm::TokenId token);
    void become_copy(Sequence& beam, const Sequence& parent);
    void pool(Sequence& sequence, std::span<const float> row) const;
    void score_prompt(Sequence& sequence, std::span<const float> logits) const;
    void generate(Sequence& sequence, std::span<const float> logits);
    void end(Sequence& sequence, const Result<llm::FinishReason>& outcome);
    void finish(Sequence& sequence, const Result<llm::FinishReason>& outcome);
    void remove_ended();
    void publish_memory();
    void count_step(std::int64_t rows);

    Parts parts_;
    SchedulerLimits limits_;
    SequenceMemory memory_;
    BatchPlanner planner_;
    Speculation speculation_;
    StepBudget budget_;
    FairShare shares_;
    WaitingLine line_;
    std::vector<std::unique_ptr<Sequence>> running_;  // The preferred first.
    std::int64_t arrivals_ = 0;
    std::int64_t swept_ms_ = 0;
    bool has_ended_ = false;

    std::atomic<bool> must_release_ = false;
    std::atomic<std::int64_t> running_count_ = 0;
    std::atomic<std::int64_t> steps_ = 0;
    std::atomic<std::int64_t> step_us_ = 0;
    std::atomic<std::int64_t> prompt_tokens_ = 0;
    std::atomic<std::int64_t> cached_prompt_tokens_ = 0;
    std::atomic<std::int64_t> generated_tokens_ = 0;
    std::atomic<std::int64_t> preemptions_ = 0;
    std::atomic<std::int64_t> guessed_tokens_ = 0;
    std::atomic<std::int64_t> accepted_tokens_ = 0;
    std::atomic<std::int64_t> kv_bytes_used_ = 0;
    std::atomic<std::int64_t> kv_bytes_cached_ = 0;
    std::atomic<std::int64_t> kv_bytes_wasted_ = 0;
    std::atomic<std::int64_t> kv_bytes_spilled_ = 0;
    std::atomic<std::int64_t> kv_bytes_copied_back_ = 0;
    std::atomic<std::int64_t> kv_bytes_restored_ = 0;

    struct AtomicStepCount {
        std::atomic<std::int64_t> steps = 0;
        std::atomic<std::int64_t> tokens = 0;
    };

    std::array<AtomicStepCount, kStepTokenBounds.size() + 1> steps_by_tokens_ = {};
};

}  // namespace capstan::engine
