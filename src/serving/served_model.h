#pragma once

// What an engine process serves, and how many calls at a time.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "llm/model_client.h"
#include "serving/call_metrics.h"

namespace capstan::serving {

// Thread-safe.
class ServedModel {
public:
    struct Parts {
        llm::ModelClient& client;                     // Outlives this.
        std::string name;                             // What callers name in `model` for the base model.
        std::map<std::string, std::string> adapters;  // What callers name in `model` → the client's adapter.
        std::int64_t context_tokens = 0;              // 0: unknown.
        int calls_max = 64;                           // At one time; more are refused.
        std::int64_t deadline_ms_max = 3'600'000;     // Of a call that names none, and at most.
        CallMetrics* metrics = nullptr;               // Outlives this.
    };

    explicit ServedModel(Parts parts) : parts_(std::move(parts)) {}

    llm::ModelClient& client() const { return parts_.client; }

    const std::string& name() const { return parts_.name; }

    std::int64_t context_tokens() const { return parts_.context_tokens; }

    std::int64_t deadline_ms_max() const { return parts_.deadline_ms_max; }

    // The adapter that `model` asks for; empty for the base model. kNotFound for what is not served.
    Result<std::string> adapter_of(const std::string& model) const;

    std::vector<std::string> adapter_names() const;
    void add_adapter(const std::string& name);  // Which the client has loaded by that name.
    void remove_adapter(const std::string& name);

    int calls() const { return calls_; }

    // Asleep, new calls are refused.
    void set_asleep(bool is_asleep) { is_asleep_ = is_asleep; }

    bool is_asleep() const { return is_asleep_; }

    // Null when nobody counts.
    CallMetrics* metrics() const { return parts_.metrics; }

private:
    friend class CallPlace;

    Parts parts_;
    mutable std::mutex mutex_;  // Guards parts_.adapters.
    std::atomic<int> calls_ = 0;
    std::atomic<bool> is_asleep_ = false;
};

// One of the calls that run at one time, when there is room.
class CallPlace {
public:
    explicit CallPlace(ServedModel& served)
        : served_(served), is_taken_(served.calls_.fetch_add(1) < served.parts_.calls_max) {}

    ~CallPlace() { --served_.calls_; }

    CallPlace(const CallPlace&) = delete;
    CallPlace& operator=(const CallPlace&) = delete;

    bool is_taken() const { return is_taken_; }

private:
    ServedModel& served_;
    bool is_taken_;
};

}  // namespace capstan::serving
