// A real engine in a process of its own: it listens, answers, and ends as it should.

#include "serving/engine_command.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "engine/model/random_model.h"
#include "platform/http/client.h"
#include "platform/process/process_host.h"
#include "platform/process/process_test_kit.h"

namespace capstan::serving {
namespace {

class EngineCommandTest : public testing::Test {
protected:
    void SetUp() override {
        host_ = process::ProcessHost::start({.owner = new_id()}).value();
        ASSERT_TRUE(engine::write_random_model(folder_ / "model", {}));
        ASSERT_TRUE(engine::write_random_adapter(folder_ / "adapter", {.seed = 9, .spread = 4}, 4));
    }

    process::Process launch(std::vector<std::string> arguments) {
        arguments.insert(
            arguments.begin(),
            {std::filesystem::read_symlink("/proc/self/exe").string(),
             "engine",
             "--port-file",
             (folder_ / "port").string()}
        );
        process::ProcessSpec spec{.argv = std::move(arguments)};
        spec.standard_error = {.path = folder_ / "log", .bytes_max = 1 << 20};
        return host_->launch(std::move(spec)).value();
    }

    // Once the engine listens.
    std::string url() {
        EXPECT_TRUE(process::eventually([&] { return !folder_.read("port").empty(); }))
            << folder_.read("log");
        const std::string port = folder_.read("port");
        return "http://127.0.0.1:" + port.substr(0, port.find('\n'));
    }

    static std::string chat(const std::string& model, int tokens_max, bool is_stream) {
        return Json::object(
                   {{"model", model},
                    {"stream", is_stream},
                    {"max_tokens", tokens_max},
                    {"seed", 1},
                    {"messages", Json::array({Json::object({{"role", "user"}, {"content", "Hello"}})})}}
        ).dump();
    }

    const process::TestFolder folder_;
    std::unique_ptr<process::ProcessHost> host_;
    http::Client client_;
};

TEST_F(EngineCommandTest, ServesAModelAndItsAdapterUntilItIsTerminated) {
    auto engine = launch(
        {"--model",
         (folder_ / "model").string(),
         "--name",
         "man/1",
         "--adapter",
         "man/2=" + (folder_ / "adapter").string()}
    );
    const std::string url = this->url();
    EXPECT_EQ(client_.get(url + "/healthz")->status, 200);
    EXPECT_TRUE(client_.get(url + "/metrics")->body.contains("capstan_engine_kv_bytes"));
    for (const char* model : {"man/1", "man/2"}) {
        const auto response = client_.post_json(url + "/v1/chat/completions", chat(model, 4, false));
        ASSERT_TRUE(response) << response.error().message;
        EXPECT_EQ(response->status, 200) << response->body;
    }
    engine.terminate(60'000);
    const auto exit = engine.wait(60'000);
    ASSERT_TRUE(exit);
    EXPECT_TRUE(exit->is_success()) << process::describe(*exit) << folder_.read("log");
}

TEST_F(EngineCommandTest, EndsWhatRunsBeforeItEnds) {
    auto engine = launch({"--model", (folder_ / "model").string(), "--name", "m"});
    const std::string url = this->url();
    http::ClientRequest request{
        .method = "POST", .url = url + "/v1/chat/completions", .body = chat("m", 64, true)
    };
    std::string last;
    const auto response = client_.events(request, [&](const http::SseEvent& event) -> Result<void> {
        if (last.empty()) {
            engine.terminate(60'000);
        }
        last = event.data;
        return {};
    });
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(last, "[DONE]");
    const auto exit = engine.wait(60'000);
    ASSERT_TRUE(exit);
    EXPECT_TRUE(exit->is_success()) << process::describe(*exit);
}

TEST_F(EngineCommandTest, QuantisesAtLoadOrSaysToWhat) {
    auto refused = launch({"--model", (folder_ / "model").string(), "--quantize", "int3"});
    ASSERT_TRUE(refused.wait(60'000));
    EXPECT_TRUE(process::eventually([&] { return folder_.read("log").contains("int8 or int4"); }))
        << folder_.read("log");
    auto engine = launch({"--model", (folder_ / "model").string(), "--name", "m", "--quantize", "int4"});
    const auto response = client_.post_json(url() + "/v1/chat/completions", chat("m", 4, false));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200) << response->body;
}

TEST_F(EngineCommandTest, TellsWhatItsGrammarsHoldAndGivesItBackAsleep) {
    auto engine = launch({"--model", (folder_ / "model").string(), "--name", "m"});
    const std::string url = this->url();
    const auto grammar_bytes = [&] {
        const std::string page = client_.get(url + "/metrics")->body;
        const std::string_view name = "\ncapstan_engine_grammar_bytes{model_name=\"m\"} ";
        const std::size_t at = page.find(name);
        return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size()));
    };
    EXPECT_EQ(grammar_bytes(), 0);
    Json body = parse_json(chat("m", 4, false)).value();
    body.set("guided_choice", Json::array({"yes", "no"}));
    const auto response = client_.post_json(url + "/v1/chat/completions", body.dump());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200) << response->body;
    EXPECT_GT(grammar_bytes(), 0);
    EXPECT_EQ(client_.post_json(url + "/sleep", "")->status, 200);
    EXPECT_EQ(grammar_bytes(), 0);
}

TEST_F(EngineCommandTest, SaysWhatIsWrongWithAModel) {
    auto engine = launch({"--model", (folder_ / "nothing").string()});
    const auto exit = engine.wait(60'000);
    ASSERT_TRUE(exit);
    EXPECT_NE(exit->exit_code.value_or(0), 0);
    EXPECT_TRUE(process::eventually([&] { return folder_.read("log").contains("nothing"); }))
        << folder_.read("log");
}

}  // namespace
}  // namespace capstan::serving
