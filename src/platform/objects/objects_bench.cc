// What an object costs beside what it must cost: its SHA-256, and one write with fsync, in the same run.

#include <filesystem>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "platform/objects/disk_object_store.h"

namespace capstan::objects {
namespace {

std::filesystem::path bench_folder() {
    return std::filesystem::temp_directory_path() / ("capstan-objects-bench-" + new_id());
}

// Other content at each call, so that no put finds its object there.
void change(std::string& bytes) {
    static std::uint64_t count = 0;
    ++count;
    bytes.replace(0, sizeof(count), reinterpret_cast<const char*>(&count), sizeof(count));
}

void BM_Sha256(benchmark::State& state) {
    const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
    for (auto _ : state) {
        benchmark::DoNotOptimize(sha256(bytes));
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_WriteAndSync(benchmark::State& state) {
    std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
    const auto folder = bench_folder();
    CHECK(create_folders(folder), "a folder for the benchmark");
    for (auto _ : state) {
        change(bytes);
        const auto path = folder / new_id();
        const auto file = open_file(path, O_WRONLY | O_CREAT | O_CLOEXEC);
        CHECK(
            file && write_all(file->get(), bytes, path) && sync_file(file->get(), path), "the file is written"
        );
    }
    std::filesystem::remove_all(folder);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_Put(benchmark::State& state) {
    std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
    const auto folder = bench_folder();
    auto store = DiskObjectStore::open_folder({.folder = folder});
    for (auto _ : state) {
        change(bytes);
        CHECK((*store)->put(bytes), "the object is put");
    }
    std::filesystem::remove_all(folder);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_Get(benchmark::State& state) {
    const auto folder = bench_folder();
    auto store = DiskObjectStore::open_folder({.folder = folder});
    const auto info = (*store)->put(std::string(static_cast<std::size_t>(state.range(0)), 'x'));
    for (auto _ : state) {
        const auto reader = (*store)->open(info->id, {});
        for (auto part = (*reader)->next(); part && !part->empty(); part = (*reader)->next()) {
            benchmark::DoNotOptimize(part->data());
        }
    }
    std::filesystem::remove_all(folder);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

constexpr std::int64_t kSmall = 64 << 10;
constexpr std::int64_t kLarge = 64 << 20;

BENCHMARK(BM_Sha256)->Arg(kSmall)->Arg(kLarge)->UseRealTime();
BENCHMARK(BM_WriteAndSync)->Arg(kSmall)->Arg(kLarge)->UseRealTime();
BENCHMARK(BM_Put)->Arg(kSmall)->Arg(kLarge)->UseRealTime();
BENCHMARK(BM_Get)->Arg(kSmall)->Arg(kLarge)->UseRealTime();

}  // namespace
}  // namespace capstan::objects
