#pragma once

// For the tests of the local event log: a log in a folder of its own.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "platform/events/local_event_log.h"
#include "platform/events/record.h"

namespace capstan::events {

inline NewEvent event(std::string payload, std::string id = "") {
    return {
        .type = "Told", .schema_version = 2, .key = "k", .id = std::move(id), .payload = std::move(payload)
    };
}

class EventLogs : public testing::Test {
protected:
    EventLogs() : folder_(std::filesystem::path(testing::TempDir()) / ("capstan-events-" + new_id())) {
        options_.folder = folder_;
        options_.now_ms = [this] { return now_ms_.load(); };
    }

    ~EventLogs() override {
        log_.reset();
        std::filesystem::remove_all(folder_);
    }

    void SetUp() override { reopen(); }

    void reopen() {
        log_.reset();
        auto opened = LocalEventLog::open(options_);
        ASSERT_TRUE(opened) << opened.error().message;
        log_ = std::move(*opened);
    }

    std::vector<std::int64_t> append(const std::vector<NewEvent>& events) {
        const auto offsets = log_->append("facts", events);
        EXPECT_TRUE(offsets) << offsets.error().message;
        return offsets.value_or(std::vector<std::int64_t>());
    }

    Polled poll(const std::string& consumer, std::size_t events_max = 10'000) {
        auto polled = log_->poll({.topic = "facts", .consumer = consumer, .events_max = events_max});
        EXPECT_TRUE(polled) << polled.error().message;
        return polled.value_or(Polled());
    }

    // All payloads that the consumer has not committed, in order, and commits them.
    std::vector<std::string> drain(const std::string& consumer) {
        std::vector<std::string> payloads;
        for (;;) {
            const Polled polled = poll(consumer);
            if (polled.events.empty()) {
                return payloads;
            }
            for (const Event& one : polled.events) {
                payloads.push_back(one.payload);
            }
            EXPECT_TRUE(log_->commit("facts", consumer, polled.next_offset));
        }
    }

    std::vector<std::filesystem::path> segments() const {
        std::vector<std::filesystem::path> paths;
        for (const auto& entry : std::filesystem::directory_iterator(folder_ / "facts")) {
            if (entry.path().extension() == ".log") {
                paths.push_back(entry.path());
            }
        }
        std::ranges::sort(paths);
        return paths;
    }

    static void damage(const std::filesystem::path& path, std::uint64_t at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const int byte = file.get();
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(byte ^ 1));
    }

    // Events of about 1 KiB each, one write a event, over several segments.
    void fill(int events) {
        options_.segment_bytes = 8'192;
        reopen();
        for (int i = 0; i < events; ++i) {
            append({event(fmt::format("\"{:01000}\"", i))});
        }
    }

    const std::filesystem::path folder_;
    std::atomic<std::int64_t> now_ms_ = 1'000;
    LocalEventLogOptions options_;
    std::unique_ptr<LocalEventLog> log_;
};

}  // namespace capstan::events
