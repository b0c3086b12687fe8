#include "base/log.h"

#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"

namespace capstan {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

Json json_line(std::string_view message, std::initializer_list<LogField> fields = {}) {
    auto json = parse_json(format_log_line(LogFormat::kJson, LogLevel::kInfo, message, fields));
    EXPECT_TRUE(json);
    return *json;
}

std::string human_line(std::string_view message, std::initializer_list<LogField> fields = {}) {
    return format_log_line(LogFormat::kHuman, LogLevel::kWarning, message, fields);
}

TEST(Log, WritesOneJsonObjectALine) {
    const Json line = json_line("server listens", {{"port", 8080}, {"address", "::1"}});
    EXPECT_TRUE(parse_rfc3339(line.string_or("time", "")));
    EXPECT_EQ(line.string_or("level", ""), "info");
    EXPECT_EQ(line.string_or("message", ""), "server listens");
    EXPECT_EQ(line.int_or("port", 0), 8080);
    EXPECT_EQ(line.string_or("address", ""), "::1");
}

TEST(Log, WritesAHumanForm) {
    EXPECT_THAT(
        human_line("disk is full", {{"path", "/x y"}}), EndsWith("warning disk is full path=\"/x y\"")
    );
}

TEST(Log, AMessageCannotStartALineOfItsOwn) {
    const std::string line = human_line("no run 'a\nINFO all is well\x1b[2J'");
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_THAT(line, HasSubstr("a\\x0aINFO"));
    EXPECT_EQ(format_log_line(LogFormat::kJson, LogLevel::kInfo, "a\nb", {}).find('\n'), std::string::npos);
}

TEST(Log, MasksWhatLooksLikeASecret) {
    EXPECT_THAT(human_line("key cap_0123456789abcdef refused"), HasSubstr("key cap_*** refused"));
    EXPECT_THAT(human_line("x", {{"header", "Bearer abcdefghijklmnop"}}), HasSubstr("Bearer ***"));
    EXPECT_THAT(human_line("x", {{"key", "sk-proj-0123456789ab"}}), Not(HasSubstr("0123456789ab")));
    EXPECT_THAT(human_line("two sk-aaaaaaaaaaaaaa sk-bbbbbbbbbbbbbb"), HasSubstr("two sk-*** sk-***"));
}

TEST(Log, MasksSecretsInsideNestedFields) {
    const Json nested = Json::object({{"keys", Json::array({"cap_0123456789abcdef"})}, {"n", 1}});
    EXPECT_EQ(json_line("x", {{"body", nested}})["body"].dump(), R"({"keys":["cap_***"],"n":1})");
    EXPECT_THAT(human_line("x", {{"body", nested}}), Not(HasSubstr("0123456789")));
}

TEST(Log, LeavesWordsAloneThatOnlyEndLikeAPrefix) {
    EXPECT_THAT(human_line("task-0123456789abcdef ended"), HasSubstr("task-0123456789abcdef ended"));
    EXPECT_THAT(human_line("sk-short"), HasSubstr("sk-short"));
}

TEST(Log, AddsTheRequestOfTheInnermostScopeOfThisThread) {
    EXPECT_FALSE(json_line("x").contains("request_id"));
    {
        const LogRequestScope outer("r1");
        {
            const LogRequestScope inner("r2");
            EXPECT_EQ(json_line("x").string_or("request_id", ""), "r2");
            std::jthread([] { EXPECT_FALSE(json_line("x").contains("request_id")); });
        }
        EXPECT_EQ(json_line("x").string_or("request_id", ""), "r1");
        EXPECT_THAT(human_line("x"), EndsWith("request_id=r1"));
    }
    EXPECT_FALSE(json_line("x").contains("request_id"));
}

TEST(Log, ReadsLevelsAndFormatsAndNamesTheChoices) {
    EXPECT_EQ(*parse_log_level("warning"), LogLevel::kWarning);
    EXPECT_EQ(*parse_log_format("json"), LogFormat::kJson);
    EXPECT_THAT(parse_log_level("loud").error().message, HasSubstr("debug, info, warning, error"));
    EXPECT_EQ(parse_log_format("").error().code, ErrorCode::kInvalid);
}

TEST(Log, WritesToStderrWhatReachesTheLevel) {
    const std::filesystem::path path = testing::TempDir() + new_id();
    auto file = open_file(path, O_WRONLY | O_CREAT);
    ASSERT_TRUE(file);
    const int saved = ::dup(STDERR_FILENO);
    ::dup2(file->get(), STDERR_FILENO);
    set_log_settings({.level = LogLevel::kWarning, .format = LogFormat::kJson});
    log_info("quiet");
    log_error("loud", {{"n", 1}});
    set_log_settings({});
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    const auto text = read_file(path);
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, Not(HasSubstr("quiet")));
    EXPECT_THAT(*text, HasSubstr("\"message\":\"loud\",\"n\":1}\n"));
}

}  // namespace
}  // namespace capstan
