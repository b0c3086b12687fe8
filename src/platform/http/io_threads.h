#pragma once

// The few threads on which coroutines run: the server's connections, and the gateway's upstream calls.

#include <memory>

namespace capstan::http {

class IoThreads {
public:
    explicit IoThreads(int count = 2);
    ~IoThreads();  // stop()
    IoThreads(const IoThreads&) = delete;
    IoThreads& operator=(const IoThreads&) = delete;

    // Ends the threads; coroutines that still wait are destroyed. Stop the server before.
    void stop();

    struct State;  // Has the asio::io_context; platform/http/task.h gives access.

    State& state() { return *state_; }

private:
    std::unique_ptr<State> state_;
};

}  // namespace capstan::http
