#pragma once

// Brings finished calls from the event log into the tables of traces and money, in batches.

#include <atomic>
#include <thread>

#include "app/house.h"

namespace capstan::app {

class CompletionConsumer {
public:
    explicit CompletionConsumer(House& house);  // Outlives this.
    ~CompletionConsumer();                      // stop()

    // Deals with what is in the log already, then ends.
    void stop();

private:
    void run();
    // One batch. False when there was nothing, or it could not be dealt with.
    bool consume(std::int64_t wait_ms);

    House& house_;
    std::atomic<bool> is_stopping_{false};
    std::thread thread_;
};

}  // namespace capstan::app
