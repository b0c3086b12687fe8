#pragma once

// How far each consumer of a topic is: one small file each, replaced atomically. Thread-safe.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace capstan::events {

inline constexpr std::size_t kConsumersMax = 256;

class Consumers {
public:
    // Reads what is in `folder`. kUnavailable when a file is damaged.
    static Result<std::unique_ptr<Consumers>> open(const std::filesystem::path& folder);

    std::optional<std::int64_t> find(std::string_view name) const;

    // Durable when it returns.
    Result<void> set(std::string_view name, std::int64_t next_offset);
    // The same, unless the consumer is further already.
    Result<void> advance(std::string_view name, std::int64_t next_offset);
    Result<void> forget(std::string_view name);

    std::vector<std::pair<std::string, std::int64_t>> all() const;

    // The offset that the slowest consumer has committed, or nothing without consumers.
    std::optional<std::int64_t> slowest() const;

private:
    explicit Consumers(std::filesystem::path folder) : folder_(std::move(folder)) {}

    Result<void> write(std::string_view name, std::int64_t next_offset);

    const std::filesystem::path folder_;
    std::mutex write_mutex_;  // Held while a file is replaced; taken before mutex_.
    mutable std::mutex mutex_;
    std::map<std::string, std::int64_t, std::less<>> offsets_;  // By mutex_.
};

}  // namespace capstan::events
