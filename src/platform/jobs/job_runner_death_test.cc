// The server is killed, again and again, in the middle of everything: no job is lost, none runs again after
// its end.

#include <map>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/jobs/job_runner.h"
#include "platform/jobs/job_test_kit.h"
#include "platform/jobs/local_executor.h"
#include "platform/process/process_test_kit.h"

namespace capstan::jobs {
namespace {

using process::eventually;
using process::variable;

constexpr int kKills = 50;
constexpr int kJobs = 10 + kKills;  // Some at first, and one more before each kill.

// A server with nothing but its jobs, on the database and in the folder that it is told.
class Server {
public:
    static std::unique_ptr<Server> start(
        sql::Database& database, const std::string& owner, const std::string& folder
    ) {
        auto host = process::ProcessHost::start({.owner = owner, .shutdown_grace_ms = 0});
        EXPECT_TRUE(host);
        auto server = std::unique_ptr<Server>(new Server(database, *std::move(host)));
        JobRunnerOptions options{.owner = owner, .folder = folder, .parallel_max = 4, .lease_ms = 60'000};
        options.attempt.look_ms = 5;
        auto runner = JobRunner::start(server->jobs_, server->executor_, options);
        EXPECT_TRUE(runner);
        server->runner_ = *std::move(runner);
        return server;
    }

private:
    Server(sql::Database& database, std::unique_ptr<process::ProcessHost> host)
        : host_(std::move(host)),
          jobs_(
              {.database = database,
               .next_id = new_id,
               .now_ms = system_now_ms,
               .retry = {.backoff_ms = 2, .backoff_ms_max = 2}}
          ),
          executor_(*host_, {.nice = 0}) {
        // What a room records, in the transaction of the state.
        jobs_.on_finished(
            "train", {.record = [](soci::session& session, const Job& job, const Json&) -> Result<void> {
                sql::execute(
                    session,
                    "INSERT INTO outcomes (job_id, state, note) VALUES (:id, :state, '')",
                    {{"id", job.id}, {"state", name_of(job.state)}}
                );
                return {};
            }}
        );
    }

    std::unique_ptr<process::ProcessHost> host_;
    JobService jobs_;
    LocalExecutor executor_;
    std::unique_ptr<JobRunner> runner_;
};

// Not a test: the server that is killed.
TEST(JobServer, DISABLED_RunsUntilItIsKilled) {
    auto database = sql::Database::open({.url = variable("HELPER_URL")});
    ASSERT_TRUE(database) << database.error().message;
    const auto server = Server::start(*database, variable("HELPER_OWNER"), variable("HELPER_FOLDER"));
    while (true) {
        ::pause();
    }
}

class JobRunnerDeathTest : public JobTest {
protected:
    // Counts its starts and its ends in the test's folder; may fail the first time; leaves a result or just
    // ends.
    void submit_one() {
        const std::size_t i = ids_.size();
        NewJob asked = train();
        const char* result =
            i % 2 == 0 ? "echo '{\"ok\":true,\"value\":{}}' > r.tmp && mv r.tmp result.json;" : "";
        const char* fails = i % 5 == 0 ? "[ -e work/again ] || { touch work/again; exit 1; };" : "";
        asked.argv = {
            "sh",
            "-c",
            fmt::format(
                "echo start >> $F/{0}; {1} sleep 0.{2:02}; {3} echo end >> $F/{0}",
                i,
                fails,
                i * i % 13,
                result
            )
        };
        asked.environment = {{"F", folder_.path().string()}};
        asked.attempts_max = 100;
        ids_.push_back(submitted(asked).id);
    }

    std::map<std::string, Job> all() {
        std::map<std::string, Job> jobs;
        for (const Job& job : *jobs_->list({.project_id = "p", .rows_max = 1000})) {
            jobs[job.id] = job;
        }
        return jobs;
    }

    // What the files of the finished jobs hold: it must not change any more.
    std::map<int, std::string> finished_files() {
        std::map<int, std::string> files;
        const auto jobs = all();
        for (int i = 0; i < static_cast<int>(ids_.size()); ++i) {
            if (jobs.at(ids_[static_cast<std::size_t>(i)]).is_final()) {
                files[i] = folder_.read(fmt::format("{}", i));
            }
        }
        return files;
    }

    bool are_all_final() {
        for (const auto& [id, job] : all()) {
            if (!job.is_final()) {
                return false;
            }
        }
        return true;
    }

    const process::TestFolder folder_;
    const std::string owner_ = new_id();
    std::vector<std::string> ids_;
};

TEST_P(JobRunnerDeathTest, NoJobIsLostAndNoneRunsAgainAfterItsEnd) {
    for (int i = 0; i < kJobs - kKills; ++i) {
        submit_one();
    }
    std::mt19937 random(20261120);
    std::map<int, std::string> finished;
    for (int kill = 0; kill < kKills; ++kill) {
        submit_one();
        {
            process::HelperProcess server(
                "JobServer.DISABLED_RunsUntilItIsKilled",
                {{"HELPER_URL", url()},
                 {"HELPER_OWNER", owner_},
                 {"HELPER_FOLDER", (folder_ / "jobs").string()}}
            );
            ::usleep(30'000 + random() % 300'000);
        }
        for (const auto& [i, text] : finished) {
            ASSERT_EQ(folder_.read(fmt::format("{}", i)), text) << "job " << i << " ran again after its end";
        }
        finished = finished_files();
    }
    const auto server = Server::start(database(), owner_, (folder_ / "jobs").string());
    ASSERT_TRUE(eventually([this] { return are_all_final(); }));
    const auto jobs = all();
    ASSERT_EQ(jobs.size(), static_cast<std::size_t>(kJobs));
    for (int i = 0; i < kJobs; ++i) {
        const Job& job = jobs.at(ids_[static_cast<std::size_t>(i)]);
        EXPECT_EQ(job.state, JobState::kSucceeded) << i << ": " << job.error.value_or("");
        const std::string text = folder_.read(fmt::format("{}", i));
        EXPECT_NE(text.find("start\n"), std::string::npos) << i;
        // The result is the end of a job that leaves one; the others end with their last line.
        EXPECT_TRUE(i % 2 == 0 || text.ends_with("end\n")) << i;
    }
    for (const auto& [i, text] : finished) {
        EXPECT_EQ(folder_.read(fmt::format("{}", i)), text) << i;
    }
    EXPECT_EQ(outcomes("succeeded"), kJobs);
    RecordProperty("finished_before_the_last_kill", static_cast<int>(finished.size()));
}

INSTANTIATE_TEST_SUITE_P(Databases, JobRunnerDeathTest, sql::both_dialects(), sql::dialect_name);

}  // namespace
}  // namespace capstan::jobs
