#pragma once

// For tests: job directories, and capstan-train as a child process that can be killed.

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include "base/job_directory.h"
#include "base/json.h"

namespace capstan::trainer {

class TrainingTest : public testing::Test {
protected:
    std::filesystem::path folder_;

    void SetUp() override;
    void TearDown() override;

    // A tiny pretraining on token records: `steps` steps of a model with one layer, in one thread.
    Json tiny_spec(std::int64_t steps) const;
    JobDirectory make_job(const std::string& name, const Json& spec) const;

    enum class Environment { kPrepared, kByHand };

    static pid_t start(const JobDirectory& job, Environment environment = Environment::kPrepared);
    static int wait_for(pid_t process);  // The exit code; 128 + signal when killed.

    static int run(const JobDirectory& job) { return wait_for(start(job)); }

    static Json value_of(const JobDirectory& job);  // Of result.json; fails the test when there is none.
    static std::string error_of(const JobDirectory& job);  // Its message, after "code: ".
    // What progress said of each step: all values that were ever reported.
    static std::map<std::int64_t, std::set<double>> loss_curve(const JobDirectory& job);
    static std::vector<std::int64_t> checkpoint_steps(const JobDirectory& job
    );  // Complete ones, oldest first.
    static std::string model_bytes(const JobDirectory& job);
};

}  // namespace capstan::trainer
