// A load test against a real server over real sockets, in front of a scripted model.

#include "serving/load_run.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "platform/http/server.h"
#include "serving/engine_routes.h"
#include "serving/load_command.h"
#include "serving/memory_watch.h"
#include "serving/scripted_model.h"

namespace capstan::serving {
namespace {

class LoadRunTest : public testing::Test {
protected:
    ~LoadRunTest() override { server_.reset(); }

    void serve(int calls_max) {
        served_.emplace(
            ServedModel::Parts{.client = model_, .name = "man", .adapters = {}, .calls_max = calls_max}
        );
        add_engine_routes(router_, *served_);
        http::ServerOptions options;
        options.has_access_log = false;
        server_ = http::Server::start(options, router_).value();
    }

    std::vector<CallRecord> run(const LoadOptions& load, bool is_chat = false) {
        return run_load(
            {.url = server_->url(), .key = "", .is_chat = is_chat, .ignores_end = false},
            plan_load(load).value(),
            [](std::int64_t) {}
        );
    }

    ScriptedModel model_;
    std::optional<ServedModel> served_;
    http::Router router_;
    std::unique_ptr<http::Server> server_;
};

TEST_F(LoadRunTest, NotesEachPieceAndTheUsageOfEachCall) {
    serve(16);
    for (const bool is_chat : {false, true}) {
        const auto records = run({.calls = 12, .calls_per_second = 200, .models = {"man"}}, is_chat);
        ASSERT_EQ(records.size(), 12U);
        for (const CallRecord& record : records) {
            EXPECT_EQ(record.error, "");
            EXPECT_EQ(record.status, 200);
            EXPECT_EQ(record.pieces_us.size(), 2U);
            EXPECT_EQ(record.prompt_tokens, 3);
            EXPECT_EQ(record.cached_tokens, 1);
            EXPECT_EQ(record.completion_tokens, 2);
            EXPECT_LE(record.sent_us, record.pieces_us.front());
            EXPECT_LE(record.pieces_us.back(), record.end_us);
        }
    }
}

TEST_F(LoadRunTest, TellsOfRefusalsAndOfServersThatAreNotThere) {
    serve(16);
    const auto refused = run({.calls = 2, .models = {"another"}});
    EXPECT_EQ(refused[0].status, 404);
    EXPECT_TRUE(refused[0].error.contains("another"));
    const std::string url = server_->url();
    server_.reset();
    const auto dead =
        run_load({.url = url, .key = ""}, plan_load({.calls = 1, .models = {"man"}}).value(), [](auto) {});
    EXPECT_EQ(dead[0].status, 0);
    EXPECT_FALSE(dead[0].is_ok());
}

TEST_F(LoadRunTest, TheCommandWritesPageAndRecords) {
    serve(16);
    const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
    LoadCommand command = {
        .target = {.url = server_->url(), .key = "", .ignores_end = false},
        .load = {.calls = 3, .models = {"man"}},
        .level = {},
        .warm_up_calls = 1,
        .server_pid = getpid(),
        .html_file = folder / "page.html",
        .records_file = folder / "records.jsonl",
        .prints_json = true
    };
    ASSERT_TRUE(run_load_command(command));
    EXPECT_TRUE(read_file(folder / "page.html")->contains("Time to first token"));
    const std::string lines = read_file(folder / "records.jsonl").value();
    EXPECT_EQ(std::ranges::count(lines, '\n'), 3);
    command.load.models = {"another"};
    EXPECT_EQ(run_load_command(command).error().code, ErrorCode::kUnavailable);
}

TEST(MemoryWatch, SeesThisProcessAndNoneThatIsGone) {
    EXPECT_GT(resident_bytes(getpid()).value_or(0), 1 << 20);
    EXPECT_FALSE(resident_bytes(0x3fffffff));
}

}  // namespace
}  // namespace capstan::serving
