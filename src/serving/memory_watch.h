#pragma once

// The most memory that a process on this machine held while it was watched.

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

namespace capstan::serving {

// Resident bytes of a process, from Linux's /proc; nothing when there is no such process.
std::optional<std::int64_t> resident_bytes(int pid);

// Looks ten times a second until it is destroyed. With pid 0 it watches nothing.
class MemoryWatch {
public:
    explicit MemoryWatch(int pid);
    ~MemoryWatch();
    MemoryWatch(const MemoryWatch&) = delete;
    MemoryWatch& operator=(const MemoryWatch&) = delete;

    std::int64_t bytes_max() const { return bytes_max_; }

private:
    std::atomic<std::int64_t> bytes_max_ = 0;
    std::jthread thread_;
};

}  // namespace capstan::serving
