#include "platform/config/settings.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"

namespace capstan::config {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

enum class Format { kHuman, kJson };

class SettingsTest : public testing::Test {
protected:
    SettingsTest() {
        settings_.text("home", home_, {.help = "Where everything lies"});
        settings_.text("http.address", address_, {.help = "Address to listen on"});
        settings_.integer("http.port", port_, {.help = "TCP port", .min = 0, .max = 65535});
        settings_.boolean("http.compress", compress_, {.help = "Compress replies"});
        settings_.number("jobs.backoff_factor", factor_, {.help = "Growth of waits", .min = 1, .max = 10});
        settings_.integer("jobs.memory_bytes", memory_, {.help = "Memory of a job"});
        settings_.text("s3.secret_key", secret_, {.help = "Key of the bucket", .is_secret = true});
        settings_.list("s3.buckets", buckets_, {.help = "Buckets"});
        settings_.path("log.file", file_, {.help = "Where to log"});
        settings_.choice(
            "log.format", format_, "How lines look", {{"human", Format::kHuman}, {"json", Format::kJson}}
        );
        settings_.allow_variable("CAPSTAN_CONFIG");
    }

    Result<void> load(std::string text, decltype(Sources::environment) environment = {}) {
        return settings_.load(
            {.file = ConfigFile{.name = "capstan.toml", .text = std::move(text)},
             .environment = std::move(environment),
             .flags = {}}
        );
    }

    Result<void> load_flag(std::string_view assignment) {
        return settings_.load({.file = {}, .environment = {}, .flags = {*parse_assignment(assignment)}});
    }

    std::string refusal(const Result<void>& loaded) {
        EXPECT_FALSE(loaded);
        EXPECT_TRUE(loaded || loaded.error().code == ErrorCode::kInvalid);
        return loaded ? "" : loaded.error().message;
    }

    Json row(std::string_view key) {
        const Json rows = settings_.describe();
        for (const Json& each : *rows.as_array()) {
            if (each.string_or("key", "") == key) {
                return each;
            }
        }
        ADD_FAILURE() << key;
        return {};
    }

    std::string home_ = "/var/lib/capstan";
    std::string address_ = "127.0.0.1";
    int port_ = 8080;
    bool compress_ = true;
    double factor_ = 2;
    std::uint64_t memory_ = 0;
    std::string secret_;
    std::vector<std::string> buckets_;
    std::filesystem::path file_;
    Format format_ = Format::kHuman;
    Settings settings_;
};

TEST_F(SettingsTest, KeepsTheDefaultsWhenNothingIsGiven) {
    ASSERT_TRUE(settings_.load({}));
    EXPECT_EQ(port_, 8080);
    EXPECT_EQ(row("http.port")["value"].as_int(), 8080);
    EXPECT_EQ(row("http.port").string_or("source", ""), "default");
    EXPECT_EQ(row("log.format").string_or("value", ""), "human");
}

TEST_F(SettingsTest, ReadsEveryKindFromAFile) {
    ASSERT_TRUE(load(
        "home = \"/srv\"\n[http]\nport = 9000\ncompress = false\n[jobs]\nbackoff_factor = 3\n"
        "memory_bytes = 1_000_000\n[s3]\nbuckets = [\"a\", \"b,c\"]\n[log]\nfile = \"/l\"\nformat = 'json'\n"
    ));
    EXPECT_EQ(home_, "/srv");
    EXPECT_EQ(port_, 9000);
    EXPECT_FALSE(compress_);
    EXPECT_EQ(factor_, 3.0);
    EXPECT_EQ(memory_, 1'000'000U);
    EXPECT_THAT(buckets_, ElementsAre("a", "b,c"));
    EXPECT_EQ(file_, "/l");
    EXPECT_EQ(format_, Format::kJson);
}

TEST_F(SettingsTest, FlagsWinOverVariablesAndTheseOverTheFile) {
    const auto sources = [](bool variable, bool flag) {
        Sources all{
            .file = ConfigFile{.name = "f.toml", .text = "\nhttp.port = 1\n"}, .environment = {}, .flags = {}
        };
        if (variable) {
            all.environment.emplace_back("CAPSTAN_HTTP_PORT", "2");
        }
        if (flag) {
            all.flags = {{"http.port", "3", "--set"}, {"http.port", "4", "--port"}};
        }
        return all;
    };
    ASSERT_TRUE(settings_.load(sources(false, false)));
    EXPECT_EQ(port_, 1);
    EXPECT_EQ(row("http.port").string_or("source", ""), "f.toml:2");
    ASSERT_TRUE(settings_.load(sources(true, false)));
    EXPECT_EQ(port_, 2);
    EXPECT_EQ(row("http.port").string_or("source", ""), "CAPSTAN_HTTP_PORT");
    ASSERT_TRUE(settings_.load(sources(true, true)));
    EXPECT_EQ(port_, 4);
    EXPECT_EQ(row("http.port").string_or("source", ""), "--port");
}

TEST_F(SettingsTest, ReadsEveryKindFromTheEnvironment) {
    ASSERT_TRUE(load(
        "",
        {{"CAPSTAN_HOME", "/e"},
         {"CAPSTAN_HTTP_COMPRESS", "0"},
         {"CAPSTAN_JOBS_BACKOFF_FACTOR", "1.5"},
         {"CAPSTAN_S3_BUCKETS", "x,y"},
         {"CAPSTAN_LOG_FORMAT", "json"},
         {"CAPSTAN_CONFIG", "elsewhere"}}
    ));
    EXPECT_EQ(home_, "/e");
    EXPECT_FALSE(compress_);
    EXPECT_EQ(factor_, 1.5);
    EXPECT_THAT(buckets_, ElementsAre("x", "y"));
    EXPECT_EQ(format_, Format::kJson);
    ASSERT_TRUE(load("", {{"CAPSTAN_S3_BUCKETS", ""}}));
    EXPECT_THAT(buckets_, IsEmpty());
}

TEST_F(SettingsTest, AnUnknownKeyIsAnErrorThatNamesTheNearest) {
    EXPECT_EQ(
        refusal(load("[http]\n\nprot = 1\n")),
        "capstan.toml:3: there is no setting 'http.prot'; did you mean 'http.port'?"
    );
    EXPECT_THAT(refusal(load("port = 1")), EndsWith("did you mean 'http.port'?"));
    EXPECT_THAT(refusal(load("[zebra]\nx = 1")), HasSubstr("'zebra.x'; `capstan config` lists the keys"));
    EXPECT_THAT(refusal(load("[zebra]")), HasSubstr("'zebra'"));
    EXPECT_THAT(refusal(load("'http.port' = 1")), HasSubstr("no setting '\"http.port\"'"));
    EXPECT_THAT(
        refusal(load("", {{"CAPSTAN_HTP_PORT", "1"}})),
        EndsWith("'CAPSTAN_HTP_PORT' is no setting's variable; did you mean 'CAPSTAN_HTTP_PORT'?")
    );
    EXPECT_THAT(refusal(load_flag("http.adress=x")), HasSubstr("--set: there is no setting 'http.adress'"));
    EXPECT_TRUE(load("[http]\n"));
}

TEST_F(SettingsTest, WrongTypesAndRangesSayWhereAndWhat) {
    EXPECT_EQ(
        refusal(load("http.port = '80'")), "capstan.toml:1: 'http.port' must be an integer; got \"80\""
    );
    EXPECT_EQ(
        refusal(load("", {{"CAPSTAN_HTTP_PORT", "65536"}})),
        "CAPSTAN_HTTP_PORT: 'http.port' must be between 0 and 65535; got 65536"
    );
    EXPECT_EQ(refusal(load_flag("http.port=80x")), "--set: 'http.port' must be an integer; got \"80x\"");
    for (const char* text :
         {"http.port = 1.0",
          "http.port = 1979-05-27",
          "http.compress = 1",
          "http.address = 7",
          "jobs.backoff_factor = 0.5",
          "jobs.backoff_factor = nan",
          "jobs.backoff_factor = inf",
          "jobs.memory_bytes = -1",
          "s3.buckets = 'a'",
          "s3.buckets = ['a', 1]",
          "s3.buckets = [['a']]",
          "log.format = 'xml'",
          "http.address = \"a\\u0000b\"",
          "[http.port]",
          "[[http]]"}) {
        EXPECT_THAT(refusal(load(text)), HasSubstr("capstan.toml:1: ")) << text;
    }
    for (const char* text :
         {"http.port=",
          "http.port= 1",
          "http.port=99999999999999999999",
          "http.compress=yes",
          "jobs.backoff_factor=nan",
          "log.format=",
          "http.address=\xff"}) {
        EXPECT_THAT(refusal(load_flag(text)), HasSubstr("--set: ")) << text;
    }
}

TEST_F(SettingsTest, SaysAllThatIsWrongAndChangesNothing) {
    const std::string message =
        refusal(load("home = 'x'\nhttp.port = true\nzz = 1\n", {{"CAPSTAN_LOG_FORMAT", "q"}}));
    EXPECT_THAT(message, HasSubstr("capstan.toml:2:"));
    EXPECT_THAT(message, HasSubstr("capstan.toml:3:"));
    EXPECT_THAT(message, HasSubstr("CAPSTAN_LOG_FORMAT:"));
    EXPECT_EQ(home_, "/var/lib/capstan");
    EXPECT_EQ(row("home").string_or("source", ""), "default");
}

TEST_F(SettingsTest, WhatIsNoTomlIsNamedWithItsLine) {
    for (const char* text :
         {"\n\nhttp = {", "\n\nx", "\n\na = 1\na = 2", "\n\na = \"\xff\"", "\n\n[a", "\n\n= 1"}) {
        EXPECT_THAT(refusal(load(text)), HasSubstr("capstan.toml:")) << text;
    }
    EXPECT_THAT(refusal(load("\n\nx")), HasSubstr("capstan.toml:3: "));
    EXPECT_THAT(refusal(load(std::string("\n[\0x]", 5))), HasSubstr("capstan.toml:2: "));
    EXPECT_THAT(refusal(load("\né = 1")), HasSubstr("capstan.toml:2: "));
    EXPECT_THAT(refusal(load("\n\uFEFB[p[")), HasSubstr("capstan.toml:2: "));
    EXPECT_THAT(refusal(load("\n[`]")), HasSubstr("capstan.toml:2: "));
    EXPECT_THAT(refusal(load("a = " + std::string(100'000, '['))), HasSubstr("capstan.toml:1: "));
}

TEST_F(SettingsTest, SecretsAreNeverShown) {
    EXPECT_EQ(row("s3.secret_key").string_or("value", "x"), "");
    ASSERT_TRUE(load("s3.secret_key = 'hunter2hunter2'"));
    EXPECT_EQ(secret_, "hunter2hunter2");
    EXPECT_EQ(row("s3.secret_key").string_or("value", ""), "***");
    EXPECT_THAT(settings_.describe().dump(), Not(HasSubstr("hunter2")));
    EXPECT_THAT(settings_.example_file(), Not(HasSubstr("hunter2")));
    EXPECT_THAT(refusal(load_flag("s3.secret_key=hunter2\xff")), Not(HasSubstr("hunter2")));
}

TEST_F(SettingsTest, DescribesEveryFieldInOrder) {
    const Json rows = settings_.describe();
    ASSERT_EQ(rows.as_array()->size(), 10U);
    EXPECT_EQ(
        (*rows.as_array())[2].dump(),
        R"({"key":"http.port","value":8080,"source":"default","default":8080,"type":"integer",)"
        R"("variable":"CAPSTAN_HTTP_PORT","help":"TCP port"})"
    );
}

TEST_F(SettingsTest, TheExampleFileIsOneThatLoadsWhenUncommented) {
    std::string text = settings_.example_file();
    EXPECT_THAT(text, HasSubstr("[http]\n# Address to listen on (text)\n#address = \"127.0.0.1\"\n"));
    for (std::size_t at = text.find("\n#"); at != std::string::npos; at = text.find("\n#", at + 1)) {
        if (text[at + 2] != ' ') {
            text.erase(at + 1, 1);
        }
    }
    const auto loaded = load(text);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message) << text;
    EXPECT_EQ(row("http.port")["value"].as_int(), 8080);
}

TEST(Assignments, NeedAKeyAndAnEqualsSign) {
    EXPECT_EQ(parse_assignment("a.b=c=d")->value, "c=d");
    EXPECT_EQ(parse_assignment("a=")->value, "");
    EXPECT_THAT(parse_assignment("http.port").error().message, HasSubstr("got 'http.port'"));
    EXPECT_FALSE(parse_assignment("=1", "-s"));
}

TEST(ConfigFiles, AreReadUpToALimit) {
    const std::filesystem::path path = testing::TempDir() + new_id();
    EXPECT_EQ(read_config_file(path).error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(replace_file(path, "a = 1"));
    EXPECT_EQ(read_config_file(path)->text, "a = 1");
    ASSERT_TRUE(replace_file(path, std::string((1 << 20) + 1, '#')));
    EXPECT_EQ(read_config_file(path).error().code, ErrorCode::kTooLarge);
}

TEST(CapstanEnvironment, HasTheVariablesOfThisProcess) {
    ::setenv("CAPSTAN_TEST_OF_ENVIRONMENT", "a=b", 1);
    const auto variables = capstan_environment();
    ::unsetenv("CAPSTAN_TEST_OF_ENVIRONMENT");
    EXPECT_THAT(variables, testing::Contains(testing::Pair("CAPSTAN_TEST_OF_ENVIRONMENT", "a=b")));
}

TEST(SettingsDeathTest, RefusesTwoFieldsOfOneName) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    int value = 0;
    Settings settings;
    settings.integer("a.b_c", value, {.help = ""});
    EXPECT_DEATH(settings.integer("a_b.c", value, {.help = ""}), "two settings of one name");
    EXPECT_DEATH(settings.integer("a.b_c.d", value, {.help = ""}), "cannot also be a table");
    EXPECT_DEATH(settings.integer("Upper", value, {.help = ""}), "lower-case");
}

}  // namespace
}  // namespace capstan::config
