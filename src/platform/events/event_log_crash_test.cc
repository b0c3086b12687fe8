// Kills a process that tells events, two hundred times at random moments: what it was told is told is
// there, once and in order.

#include <array>
#include <csignal>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "platform/events/local_event_log.h"
#include "platform/events/segment.h"

namespace capstan::events {
namespace {

constexpr int kKills = 200;
constexpr int kThreads = 3;

// When to kill: after so many acknowledgements, and a little.
struct Moment {
    std::size_t acknowledged = 0;
    std::chrono::microseconds then{};
};

struct Acknowledged {
    std::int32_t round = 0;
    std::int32_t thread = 0;
    std::int64_t number = 0;
    std::int64_t offset = 0;
};

LocalEventLogOptions options_for(const std::filesystem::path& folder) {
    return {.folder = folder, .segment_bytes = 200'000, .remembered_ids = 1'000};
}

// Each thread tells numbered events and repeats every third, as a producer does that did not hear the answer.
[[noreturn]] void tell_until_killed(const std::filesystem::path& folder, int round, int pipe) {
    auto log = LocalEventLog::open(options_for(folder));
    if (!log) {
        _exit(1);
    }
    std::vector<std::jthread> tellers;
    for (int thread = 0; thread < kThreads; ++thread) {
        tellers.emplace_back([&, thread] {
            std::mt19937 random(static_cast<unsigned>(round * kThreads + thread));
            for (std::int64_t number = 0;; ++number) {
                const std::string id = fmt::format("{}/{}/{}", round, thread, number);
                const NewEvent event{
                    .type = "Told", .id = id, .payload = '"' + std::string(random() % 3'000, 'x') + '"'
                };
                const auto offsets = (*log)->append("facts", {event});
                const auto again = number % 3 == 0 ? (*log)->append("facts", {event}) : offsets;
                if (!offsets || !again || *again != *offsets) {
                    _exit(1);
                }
                const Acknowledged told{
                    .round = round, .thread = thread, .number = number, .offset = (*offsets)[0]
                };
                if (::write(pipe, &told, sizeof(told)) != sizeof(told)) {
                    _exit(1);
                }
            }
        });
    }
    tellers.clear();
    _exit(0);
}

std::vector<Acknowledged> run_and_kill(const std::filesystem::path& folder, int round, const Moment& moment) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = fork();
    if (child == 0) {
        ::close(pipe[0]);
        tell_until_killed(folder, round, pipe[1]);
    }
    ::close(pipe[1]);
    std::vector<Acknowledged> all;
    Acknowledged one;
    const auto hear = [&] {
        const bool is_told = ::read(pipe[0], &one, sizeof(one)) == sizeof(one);
        if (is_told) {
            all.push_back(one);
        }
        return is_told;
    };
    while (all.size() < moment.acknowledged && hear()) {
    }
    std::this_thread::sleep_for(moment.then);
    ::kill(child, SIGKILL);
    while (hear()) {  // What it had told before it died.
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the teller failed by itself";
    ::close(pipe[0]);
    return all;
}

// What a power failure does to what was written but not acknowledged: cuts the newest segment somewhere
// behind the last acknowledged event.
void lose_power(
    const std::filesystem::path& folder, const std::vector<Acknowledged>& told, std::mt19937& random
) {
    std::int64_t last = -1;
    for (const Acknowledged& one : told) {
        last = std::max(last, one.offset);
    }
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "facts")) {
        newest = entry.path().extension() == ".log" ? std::max(newest, entry.path()) : newest;
    }
    const auto bytes = read_file(newest);
    ASSERT_TRUE(bytes);
    if (bytes->size() < kSegmentHeaderBytes) {
        return;  // Killed before the new segment had its header: nothing is left to cut.
    }
    std::uint64_t kept = kSegmentHeaderBytes;
    const SegmentScan scan = scan_segment(*bytes, [&](const RecordView& record) {
        const auto end =
            static_cast<std::uint64_t>(record.payload.data() + record.payload.size() - bytes->data());
        kept = record.place.offset <= last ? end : kept;
    });
    if (told.empty() || scan.first_offset > last) {
        return;  // Nothing in this segment was acknowledged to us in this round: leave it to be read as it
                 // is.
    }
    std::filesystem::resize_file(newest, kept + random() % (bytes->size() - kept + 1));
}

// What a consumer sees that reads on from where it was, in this and in the rounds before.
class Reader {
public:
    explicit Reader(const std::filesystem::path& folder) : folder_(folder) {}

    void read_on() {
        auto log = LocalEventLog::open(options_for(folder_));
        ASSERT_TRUE(log) << log.error().message;
        torn_ += (*log)->torn_tails().size();
        for (;;) {
            const auto polled = (*log)->poll({.topic = "facts", .consumer = "reader", .events_max = 1'000});
            ASSERT_TRUE(polled) << polled.error().message;
            if (polled->events.empty()) {
                return;
            }
            for (const Event& event : polled->events) {
                ASSERT_EQ(event.offset, static_cast<std::int64_t>(ids_.size()));
                ASSERT_TRUE(seen_.insert(event.id).second) << event.id << " was told twice";
                ids_.push_back(event.id);
            }
            ASSERT_TRUE((*log)->commit("facts", "reader", polled->next_offset));
        }
    }

    const std::vector<std::string>& ids() const { return ids_; }

    std::size_t torn() const { return torn_; }

private:
    std::filesystem::path folder_;
    std::vector<std::string> ids_;  // By offset.
    std::set<std::string> seen_;
    std::size_t torn_ = 0;
};

TEST(EventLogCrash, KeepsEveryAcknowledgedEventOnceAndInOrder) {
    const auto folder = std::filesystem::path(testing::TempDir()) / ("capstan-events-crash-" + new_id());
    std::mt19937 random(11);
    Reader reader(folder);
    std::size_t acknowledged = 0;
    for (int round = 0; round < kKills; ++round) {
        const auto told = run_and_kill(
            folder,
            round,
            {.acknowledged = random() % 12, .then = std::chrono::microseconds(random() % 3'000)}
        );
        acknowledged += told.size();
        ASSERT_NO_FATAL_FAILURE(lose_power(folder, told, random));
        ASSERT_NO_FATAL_FAILURE(reader.read_on());
        std::map<std::int32_t, std::int64_t> last_offset;
        for (const Acknowledged& one : told) {
            ASSERT_LT(one.offset, static_cast<std::int64_t>(reader.ids().size()));
            ASSERT_EQ(
                reader.ids()[static_cast<std::size_t>(one.offset)],
                fmt::format("{}/{}/{}", one.round, one.thread, one.number)
            );
            const auto [before, is_first] = last_offset.try_emplace(one.thread, one.offset);
            ASSERT_TRUE(is_first || before->second < one.offset);
            before->second = one.offset;
        }
    }
    EXPECT_GT(acknowledged, static_cast<std::size_t>(kKills));  // Else the test shows nothing.
    RecordProperty("acknowledged", std::to_string(acknowledged));
    EXPECT_GT(reader.torn(), 20U);
    RecordProperty("torn", std::to_string(reader.torn()));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace capstan::events
