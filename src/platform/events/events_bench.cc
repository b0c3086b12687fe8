// Durable appends a second of one and of sixteen threads, beside a bare write and fdatasync, in the same run.

#include <filesystem>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/id.h"
#include "platform/events/local_event_log.h"

namespace capstan::events {
namespace {

constexpr std::size_t kPayloadBytes = 400;

std::filesystem::path bench_folder() {
    return std::filesystem::temp_directory_path() / ("capstan-events-bench-" + new_id());
}

void BM_WriteAndSync(benchmark::State& state) {
    const auto path = bench_folder();
    const auto file = open_file(path, O_WRONLY | O_CREAT | O_CLOEXEC);
    const std::string bytes(kPayloadBytes, 'x');
    for (auto _ : state) {
        CHECK(write_all(file->get(), bytes, path) && ::fdatasync(file->get()) == 0, "the bytes are written");
    }
    std::filesystem::remove(path);
    state.SetItemsProcessed(state.iterations());
}

std::unique_ptr<LocalEventLog> open_log(const std::filesystem::path& folder) {
    auto log = LocalEventLog::open({.folder = folder});
    CHECK(log, "the log opens");
    return std::move(*log);
}

void BM_Append(benchmark::State& state) {
    static std::unique_ptr<LocalEventLog> log;
    static std::filesystem::path folder;
    if (state.thread_index() == 0) {
        folder = bench_folder();
        log = open_log(folder);
    }
    const std::vector<NewEvent> events{
        {.type = "Told", .key = "key", .payload = std::string(kPayloadBytes, 'x')}
    };
    for (auto _ : state) {
        CHECK(log->append("facts", events), "the event is appended");
    }
    state.SetItemsProcessed(state.iterations());
    if (state.thread_index() == 0) {
        log.reset();
        std::filesystem::remove_all(folder);
    }
}

// One thread, many events at a time: what the format costs when the disk is shared by many.
void BM_AppendBatch(benchmark::State& state) {
    const auto folder = bench_folder();
    auto log = open_log(folder);
    const std::vector<NewEvent> events(
        static_cast<std::size_t>(state.range(0)),
        NewEvent{.type = "Told", .key = "key", .payload = std::string(kPayloadBytes, 'x')}
    );
    for (auto _ : state) {
        CHECK(log->append("facts", events), "the events are appended");
    }
    log.reset();
    std::filesystem::remove_all(folder);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_Poll(benchmark::State& state) {
    const auto folder = bench_folder();
    auto log = open_log(folder);
    constexpr std::int64_t kEvents = 100'000;
    for (int i = 0; i < kEvents; i += 1'000) {
        CHECK(
            log->append(
                "facts",
                std::vector<NewEvent>(1'000, {.type = "Told", .payload = std::string(kPayloadBytes, 'x')})
            ),
            "told"
        );
    }
    std::int64_t next = 0;
    std::int64_t read = 0;
    for (auto _ : state) {
        if (next >= kEvents) {
            CHECK(log->rewind("facts", "bench", 0), "back to the start");
        }
        const auto polled = log->poll({.topic = "facts", .consumer = "bench", .events_max = 10'000});
        CHECK(polled && !polled->events.empty(), "there are events");
        next = polled->next_offset;
        state.PauseTiming();
        CHECK(log->commit("facts", "bench", next), "committed");
        state.ResumeTiming();
        read += static_cast<std::int64_t>(polled->events.size());
    }
    state.SetItemsProcessed(read);
    log.reset();
    std::filesystem::remove_all(folder);
}

BENCHMARK(BM_WriteAndSync)->UseRealTime();
BENCHMARK(BM_Append)->Threads(1)->Threads(16)->UseRealTime();
BENCHMARK(BM_AppendBatch)->Arg(100)->Arg(1'000)->UseRealTime();
BENCHMARK(BM_Poll)->UseRealTime();

}  // namespace
}  // namespace capstan::events
