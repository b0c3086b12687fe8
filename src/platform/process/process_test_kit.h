#pragma once

// For *_test.cc only: waiting for what other processes do, and starting this test program again as a helper
// that can be killed.

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "platform/process/identity.h"

namespace capstan::process {

// Waits until `condition` holds; a test that waits this long, even on a busy machine, has failed.
inline bool eventually(const std::function<bool()>& condition) {
    const std::int64_t end_ms = monotonic_now_ms() + 180'000;
    while (!condition()) {
        if (monotonic_now_ms() > end_ms) {
            return false;
        }
        ::usleep(2'000);
    }
    return true;
}

// A folder that goes with its test.
class TestFolder {
public:
    TestFolder() { EXPECT_TRUE(create_folders(path_)); }

    ~TestFolder() { EXPECT_TRUE(remove_tree(path_)); }

    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

    const std::filesystem::path& path() const { return path_; }

    std::string read(std::string_view name) const { return read_file(path_ / name).value_or(""); }

    // The process that wrote its number and a newline to `name`, once it has.
    ProcessIdentity process(std::string_view name) const {
        ProcessIdentity found;
        EXPECT_TRUE(eventually([&] {
            const std::string text = read(name);
            if (text.empty() || text.back() != '\n') {
                return false;
            }
            found = identify(std::stoi(text)).value_or(ProcessIdentity{});
            return true;
        }));
        return found;
    }

private:
    const std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) / new_id();
};

// This test program, running only the test `name` (which is DISABLED_ and so runs for nobody else), with
// variables.
class HelperProcess {
public:
    HelperProcess(
        const std::string& name, const std::vector<std::pair<std::string, std::string>>& variables
    ) {
        std::vector<std::string> argv = {
            "helper", "--gtest_also_run_disabled_tests", "--gtest_filter=" + name
        };
        std::vector<std::string> environment;
        for (char** entry = environ; *entry != nullptr; ++entry) {
            environment.emplace_back(*entry);
        }
        for (const auto& [variable, value] : variables) {
            environment.push_back(variable + "=" + value);
        }
        EXPECT_EQ(
            ::posix_spawn(
                &pid_, "/proc/self/exe", nullptr, nullptr, pointers(argv).data(), pointers(environment).data()
            ),
            0
        );
    }

    ~HelperProcess() { kill(); }

    HelperProcess(const HelperProcess&) = delete;
    HelperProcess& operator=(const HelperProcess&) = delete;

    // kill -9.
    void kill() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            wait();
        }
    }

    // Its exit code, or minus its signal.
    int wait() {
        int status = 0;
        ::waitpid(std::exchange(pid_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    static std::vector<char*> pointers(std::vector<std::string>& texts) {
        std::vector<char*> all;
        for (std::string& text : texts) {
            all.push_back(text.data());
        }
        all.push_back(nullptr);
        return all;
    }

    pid_t pid_ = 0;
};

inline std::string variable(const char* name) {
    const char* value = ::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace capstan::process
