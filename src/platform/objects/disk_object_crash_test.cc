// Kills a process that writes objects, a hundred times at random moments: what it acknowledged must be whole.

#include <array>
#include <csignal>
#include <cstring>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "platform/objects/disk_object_store.h"

namespace capstan::objects {
namespace {

constexpr int kKills = 100;

// When to kill: after so many acknowledgements, and a little.
struct Moment {
    std::size_t acknowledged = 0;
    std::chrono::microseconds then{};
};

struct Acknowledged {
    std::array<char, 64> id;
};

// Two threads put objects of up to 3 MiB and tell `pipe` the name of each that is stored.
[[noreturn]] void write_until_killed(const std::filesystem::path& folder, int pipe) {
    auto store = DiskObjectStore::open_folder({.folder = folder});
    if (!store) {
        _exit(1);
    }
    std::vector<std::jthread> writers;
    for (int thread = 0; thread < 2; ++thread) {
        writers.emplace_back([&, thread] {
            std::mt19937_64 random(static_cast<unsigned>(getpid() * 2 + thread));
            for (;;) {
                std::string bytes(random() % 4 == 0 ? random() % (3U << 20) : random() % 5'000, '\0');
                const std::uint64_t seed = random();
                for (std::size_t i = 0; i + 8 <= bytes.size(); i += 4096) {
                    std::memcpy(bytes.data() + i, &seed, sizeof(seed));
                }
                const auto info = (*store)->put(bytes);
                Acknowledged name{};
                if (!info || info->id.copy(name.id.data(), 64) != 64 ||
                    ::write(pipe, &name, sizeof(name)) != sizeof(name)) {
                    _exit(1);
                }
            }
        });
    }
    writers.clear();
    _exit(0);
}

// Names that the child told before it died.
std::vector<std::string> run_and_kill(const std::filesystem::path& folder, const Moment& moment) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = fork();
    if (child == 0) {
        ::close(pipe[0]);
        write_until_killed(folder, pipe[1]);
    }
    ::close(pipe[1]);
    std::vector<std::string> ids;
    Acknowledged name{};
    const auto hear = [&] {
        const bool is_told = ::read(pipe[0], &name, sizeof(name)) == sizeof(name);
        if (is_told) {
            ids.emplace_back(name.id.data(), name.id.size());
        }
        return is_told;
    };
    while (ids.size() < moment.acknowledged && hear()) {
    }
    std::this_thread::sleep_for(moment.then);
    ::kill(child, SIGKILL);
    while (hear()) {  // What it had told before it died.
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";
    ::close(pipe[0]);
    return ids;
}

TEST(DiskObjectCrash, LosesAndTearsNothingThatWasAcknowledged) {
    const auto folder = std::filesystem::path(testing::TempDir()) / ("capstan-objects-crash-" + new_id());
    std::mt19937 random(7);
    std::size_t acknowledged = 0;
    std::size_t unfinished = 0;
    for (int i = 0; i < kKills; ++i) {
        const auto ids = run_and_kill(
            folder, {.acknowledged = random() % 6, .then = std::chrono::microseconds(random() % 20'000)}
        );
        acknowledged += ids.size();
        if (std::filesystem::exists(folder / "incoming")) {
            unfinished += static_cast<std::size_t>(std::distance(
                std::filesystem::directory_iterator(folder / "incoming"),
                std::filesystem::directory_iterator()
            ));
        }
        const auto store = DiskObjectStore::open_folder({.folder = folder});
        ASSERT_TRUE(store) << store.error().message;
        for (const std::string& id : ids) {
            const auto bytes = (*store)->get(id);
            ASSERT_TRUE(bytes) << bytes.error().message;
        }
        EXPECT_TRUE(std::filesystem::is_empty(folder / "incoming"));
        // Whatever can be seen is whole, acknowledged or not.
        const auto page = (*store)->list({.prefix = {}, .after = {}, .limit = 10'000});
        ASSERT_TRUE(page);
        EXPECT_GE(page->objects.size(), ids.size());
        for (const ObjectInfo& info : page->objects) {
            ASSERT_TRUE((*store)->get(info.id));
            ASSERT_TRUE((*store)->remove(info.id));
        }
    }
    EXPECT_GT(acknowledged, static_cast<std::size_t>(kKills));  // Else the test shows nothing.
    EXPECT_GT(unfinished, static_cast<std::size_t>(kKills) / 10);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace capstan::objects
