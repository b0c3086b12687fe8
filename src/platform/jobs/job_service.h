#pragma once

// What may be done with jobs. Every rule is here or in transitions.h; HTTP and the CLI only translate.
//
// The first half is for people and rooms, the second for the worker that runs jobs (job_runner.h).

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "platform/jobs/job.h"
#include "platform/jobs/job_store.h"
#include "platform/jobs/transitions.h"
#include "platform/sql/database.h"

namespace capstan::jobs {

// What happens because of a job of one kind; `app` ties these to the rooms. Each may be empty.
struct JobHooks {
    // An attempt has started. On the job's worker thread, outside of a transaction, as the next two.
    std::function<void(const Job&)> on_started = {};

    // New reports of its process, in order; after a restart of the server or the job all come again.
    std::function<void(const Job&, const std::vector<JobProgress>&)> on_progress = {};

    // The process succeeded; before that is recorded. For slow work such as putting files into the object
    // store; must give the same when called again. What it returns goes to `record`; an Error makes the
    // attempt a failure.
    std::function<Result<Json>(const Job&)> prepare = {};

    // The job has reached a final state (job.state tells which), in the transaction that records it: both
    // happen, or neither. Effects in SQL only; may run more than once. An Error on success makes the job fail
    // with it.
    std::function<Result<void>(soci::session&, const Job&, const Json& prepared)> record = {};

    // After that transaction. Not called when the server dies in between: for wake-ups, not for facts.
    std::function<void(const Job&)> after = {};
};

// Safe to call from several threads at once. Blocking.
class JobService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; platform::migrations() have run.
        IdSource next_id;
        ClockMs now_ms;
        RetryRules retry = {};
        std::int64_t queued_max = 10'000;  // Jobs that wait in one project; over it kExhausted.
    };

    explicit JobService(Inputs inputs) : inputs_(std::move(inputs)) {}

    // Before the first job is submitted or run; not thread-safe.
    void on_finished(std::string kind, JobHooks hooks) { hooks_[std::move(kind)] = std::move(hooks); }

    // A queued job, or the one that has this idempotency key already. kInvalid, naming the field.
    Result<Job> submit(const NewJob& asked);
    // The same inside the caller's transaction; call `announce` after it, or the job waits for the worker's
    // next look.
    Result<Job> submit_in(soci::session& session, const NewJob& asked);
    void announce();

    Result<Job> get(
        std::string_view project_id, std::string_view id
    );  // kNotFound when the project has none.
    Result<std::vector<Job>> list(const JobFilter& filter);
    // A queued job is cancelled at once; a running one is asked to stop. kConflict when it has ended
    // otherwise.
    Result<Job> cancel(std::string_view project_id, std::string_view id);
    // One more attempt for a job that ended without success. It continues from what its folder holds.
    Result<Job> retry(std::string_view project_id, std::string_view id);
    // Returns when the job's version is above `since_version`, or after `ms_max` (at most 60 s) as it is.
    Result<Job> wait_changed(
        std::string_view project_id, std::string_view id, std::int64_t since_version, std::int64_t ms_max
    );

    // For workers. kConflict or kNotFound: the job is not this worker's any more; drop it.

    // The next job to run, taken by `owner` until `lease_ms` from now; nothing when none is due.
    Result<std::optional<Job>> take(const std::string& owner, std::int64_t lease_ms);
    Result<Job> start(const Job& taken, std::string_view handle);
    Result<void> report(const Job& taken, const std::vector<JobProgress>& reports);
    Result<Job> end(const Job& taken, AttemptEnd end);
    Result<Job> release(const Job& taken);

    // Prolongs the leases of these jobs; returns those that are still held by the same lease, as they are
    // now.
    Result<std::vector<Job>> renew(const std::vector<Job>& taken, std::int64_t lease_ms);
    // All jobs that `owner` holds, as they are now.
    Result<std::vector<Job>> taken_by(const std::string& owner);
    // Jobs whose lease is over, at most 100: their workers are dead, or too late.
    Result<std::vector<Job>> overdue();
    // Its worker is dead: queues the job again, or ends it as lost when it has no attempt left. kConflict
    // when it has gone on since it was read.
    Result<Job> give_up(const Job& taken);
    // Whether nobody will ask for the folder of this job any more: it ended, or vanished, longer than
    // `keep_ms` ago.
    Result<bool> is_long_over(const std::string& id, std::int64_t keep_ms);

    // Waits until a job is changed through this object, at most so long. `seen` is what this returned last, 0
    // at first.
    std::uint64_t wait_any_change(std::uint64_t seen, std::int64_t ms_max);

    const JobHooks& hooks_of(const std::string& kind) const;

    std::int64_t now_ms() const { return inputs_.now_ms(); }

private:
    using Step = std::function<Result<Job>(Job)>;

    // What a `record` hook said, and of which end.
    struct Refusal {
        Error error;
        JobState state;
    };

    // One step of the state machine on its way into the database.
    struct Change {
        std::string_view id;
        const Step& step;
        const Json& prepared;
        bool is_without_hook = false;
        bool has_changed = false;
        std::optional<Refusal> refusal = {};
    };

    // Makes the step, with the hook of a job that it ends, and tells everybody. `refusal`: why success was
    // refused.
    Result<Job> change(
        std::string_view id,
        const Step& step,
        const Json& prepared = {},
        std::optional<Refusal>* refusal = nullptr
    );
    Result<Job> commit(Change& change);
    Result<Job> finish(const Job& taken, const AttemptEnd& end, const Json& prepared);
    void tell(const Job& job);

    const Inputs inputs_;
    std::map<std::string, JobHooks> hooks_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t changes_ = 1;  // Guarded by mutex_.
};

}  // namespace capstan::jobs
