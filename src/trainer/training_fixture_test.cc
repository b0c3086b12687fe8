#include "trainer/training_fixture.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "base/test_paths.h"
#include "trainer/launch_environment.h"
#include "trainer/random_order.h"

namespace capstan::trainer {

void TrainingTest::SetUp() {
    folder_ = std::filesystem::path(testing::TempDir()) / ("capstan-train-" + new_id());
    std::string lines;
    for (std::uint64_t record = 0; record < 200; ++record) {
        Json tokens = Json::array();
        for (std::uint64_t i = 0; i < 40;
             ++i) {  // Each follows from the last, mostly: there is something to learn.
            const std::uint64_t noise = mix_seed(record, i);
            tokens.push((record + 3 * i + (noise % 5 == 0 ? noise % 7 : 0)) % 64);
        }
        lines += Json::object({{"tokens", std::move(tokens)}}).dump() + "\n";
    }
    ASSERT_TRUE(replace_file(folder_ / "data.jsonl", lines));
}

void TrainingTest::TearDown() {
    EXPECT_TRUE(remove_tree(folder_));
}

Json TrainingTest::tiny_spec(std::int64_t steps) const {
    const auto data = (folder_ / "data.jsonl").string();
    return Json::object({
        {"task", "pretrain"},
        {"model",
         Json::object(
             {{"vocab_size", 64},
              {"hidden_size", 32},
              {"intermediate_size", 64},
              {"num_hidden_layers", 1},
              {"num_attention_heads", 2},
              {"num_key_value_heads", 1},
              {"max_position_embeddings", 64}}
         )},
        {"data", Json::object({{"train", Json::array({data})}, {"heldout", Json::array({data})}})},
        {"batch", Json::object({{"sequences", 4}, {"sequence_tokens", 32}})},
        {"optimizer", Json::object({{"learning_rate", 0.01}, {"warmup_steps", 5}})},
        {"steps", steps},
        {"checkpoint_every_s", 0},
        {"report_every_s", 0},
        {"eval_sequences", 8},
        {"threads", 1},
    });
}

JobDirectory TrainingTest::make_job(const std::string& name, const Json& spec) const {
    JobDirectory job(folder_ / name);
    EXPECT_TRUE(job.create(spec));
    return job;
}

pid_t TrainingTest::start(const JobDirectory& job, Environment environment) {
    const auto program = program_directory() / "capstan-train";
    const auto log = job.path() / "stderr.log";
    const pid_t child = ::fork();
    if (child == 0) {
        for (const auto& [name, value] : launch_environment()) {
            if (environment == Environment::kPrepared) {
                ::setenv(name.c_str(), value.c_str(), 1);
            } else {
                ::unsetenv(name.c_str());
            }
        }
        const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(file, STDERR_FILENO);
        ::execl(program.c_str(), program.c_str(), "--job-dir", job.path().c_str(), nullptr);
        ::_exit(127);
    }
    return child;
}

int TrainingTest::wait_for(pid_t process) {
    int status = 0;
    EXPECT_EQ(::waitpid(process, &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Json TrainingTest::value_of(const JobDirectory& job) {
    const auto result = job.read_result();
    EXPECT_TRUE(result) << result.error().message << "\n"
                        << read_file(job.path() / "stderr.log").value_or("(no stderr.log)");
    return result ? *result : Json();
}

std::string TrainingTest::error_of(const JobDirectory& job) {
    const auto result = job.read_result();
    EXPECT_FALSE(result);
    return result ? "" : fmt::format("{}: {}", name_of(result.error().code), result.error().message);
}

std::map<std::int64_t, std::set<double>> TrainingTest::loss_curve(const JobDirectory& job) {
    std::map<std::int64_t, std::set<double>> curve;
    std::uint64_t offset = 0;
    for (auto reports = job.read_progress(offset); reports && !reports->empty();
         reports = job.read_progress(offset)) {
        for (const JobProgress& report : *reports) {
            if (const auto loss = report.metrics.find("loss"); loss != report.metrics.end()) {
                curve[report.step].insert(loss->second);
            }
        }
    }
    return curve;
}

std::vector<std::int64_t> TrainingTest::checkpoint_steps(const JobDirectory& job) {
    std::vector<std::int64_t> steps;
    std::error_code failed;
    for (std::filesystem::directory_iterator entry(job.work() / "checkpoints", failed);
         !failed && entry != std::filesystem::directory_iterator();
         entry.increment(failed)) {
        const auto name = entry->path().filename().string();
        std::error_code gone;
        if (name.starts_with("step-") && std::filesystem::exists(entry->path() / "COMPLETE", gone)) {
            steps.push_back(std::stoll(name.substr(5)));
        }
    }
    std::ranges::sort(steps);
    return steps;
}

std::string TrainingTest::model_bytes(const JobDirectory& job) {
    const auto bytes = read_file(job.out() / "model/model.safetensors");
    EXPECT_TRUE(bytes) << bytes.error().message;
    return bytes.value_or("");
}

}  // namespace capstan::trainer
