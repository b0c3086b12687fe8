#include "corpus/pipeline.h"

#include <csignal>
#include <filesystem>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "corpus/record.h"
#include "corpus/shard_writer.h"
#include "corpus/testing.h"

namespace capstan::corpus {
namespace {

using testing::HasSubstr;

std::string sentence(std::size_t seed) {
    std::string text = "The page " + std::to_string(seed) + " and its words have to be with you";
    for (std::size_t i = 0; i < 60; ++i) {
        text += (i % 12 == 0 ? "\n w" : " w") + sha256_hex(std::to_string(seed * 1000 + i)).substr(0, 6);
    }
    return text + "\n";
}

class Build : public testing::Test {
protected:
    TemporaryFolder folder;

    Json spec() const {
        Json json = Json::object(
            {{"sources",
              Json::array({Json::object({{"type", "path"}, {"path", (folder.path() / "in").string()}})})},
             {"heldout_fraction", 0.2}}
        );
        return json;
    }

    void write_input() const {
        std::string lines;
        for (std::size_t i = 0; i < 200; ++i) {
            const std::string id = "doc" + std::to_string(i);
            lines += to_line(Record{.id = id, .text = sentence(i) + "Mail me@acme.org now.\n"}) + "\n";
            lines += to_line(Pair{
                         .id = "q" + std::to_string(i),
                         .question = "What is " + id + "?",
                         .answer = "It is " + id,
                         .page = "",
                         .record = id
                     }) +
                     "\n";
        }
        lines += to_line(Record{.id = "exact", .text = sentence(7) + "Mail me@acme.org now.\n"}) + "\n";
        lines +=
            to_line(Record{.id = "near", .text = sentence(8) + "Mail me@acme.org now!! Please.\n"}) + "\n";
        lines += to_line(Record{.id = "short", .text = "Too short."}) + "\n";
        lines += "not json\n";
        folder.write("in/data.jsonl", lines);
    }

    JobDirectory job(std::string_view name) const {
        JobDirectory directory(folder.path() / name);
        EXPECT_TRUE(directory.create(spec()));
        return directory;
    }

    static Result<Json> run(const Json& spec, const JobDirectory& directory) {
        const auto parsed = build_spec_from(spec);
        return parsed ? build(*parsed, directory, {}) : Result<Json>(parsed.error());
    }

    // Name -> content of all files in out/.
    static std::map<std::string, std::string> outputs(const JobDirectory& directory) {
        std::map<std::string, std::string> files;
        for (const auto& entry : std::filesystem::directory_iterator(directory.out())) {
            files[entry.path().filename()] = read_file(entry.path()).value_or("");
        }
        return files;
    }

    // Ids of a split, from its shards, whose hashes are checked.
    static std::set<std::string> ids_of(
        const Json& result, const JobDirectory& directory, std::string_view split
    ) {
        std::set<std::string> ids;
        for (const auto& one : *result["splits"][split].as_array()) {
            const auto content = read_file(directory.path() / one.string_or("path", ""));
            EXPECT_TRUE(content);
            EXPECT_EQ(sha256_hex(*content), one.string_or("sha256", ""));
            EXPECT_EQ(content->size(), static_cast<std::size_t>(one.int_or("bytes", -1)));
            std::istringstream lines(*content);
            std::int64_t count = 0;
            for (std::string line; std::getline(lines, line); ++count) {
                const auto json = parse_json(line);
                EXPECT_TRUE(json);
                ids.insert(json->string_or("id", ""));
            }
            EXPECT_EQ(count, one.int_or("records", -1));
        }
        return ids;
    }
};

TEST_F(Build, MakesSplitsAndSaysWhatWasDropped) {
    write_input();
    const auto directory = job("a");
    const auto result = run(spec(), directory);
    ASSERT_TRUE(result) << result.error().message;
    const auto train = ids_of(*result, directory, "train");
    const auto heldout = ids_of(*result, directory, "heldout");
    EXPECT_EQ(train.size() + heldout.size(), 200U);
    EXPECT_NEAR(static_cast<double>(heldout.size()), 40, 20);
    EXPECT_FALSE(train.contains("exact") || heldout.contains("exact"));
    EXPECT_FALSE(train.contains("near") && (train.contains("doc8") || heldout.contains("doc8")));
    for (const auto* split : {"pairs-train", "pairs-heldout"}) {
        const bool is_heldout = std::string_view(split) == "pairs-heldout";
        for (const auto& id : ids_of(*result, directory, split)) {
            EXPECT_EQ(
                heldout.contains("doc" + id.substr(1)) || (id == "q8" && heldout.contains("near")), is_heldout
            ) << id;
        }
    }
    const std::string report = (*result)["report"].dump();
    for (const auto* reason : {"not_json", "gopher_short_doc", "exact_duplicate", "near_duplicate"}) {
        EXPECT_THAT(report, HasSubstr(reason));
    }
    EXPECT_THAT(report, HasSubstr(R"("pii_masked":{"email":200})"));
    EXPECT_THAT(outputs(directory)["train-00000.jsonl"], HasSubstr("Mail <EMAIL> now"));
    EXPECT_FALSE(std::filesystem::exists(directory.work() / "read"));
}

TEST_F(Build, GivesTheSameBytesWhateverTheThreadsAndShards) {
    write_input();
    const auto one = job("one");
    const auto two = job("two");
    Json single = spec();
    single.set("threads", 1);
    ASSERT_TRUE(run(single, one));
    Json many = spec();
    many.set("threads", 4);
    ASSERT_TRUE(run(many, two));
    EXPECT_EQ(outputs(one), outputs(two));

    const auto small = job("small");
    Json shards = spec();
    shards.set("shard_bytes_max", 10'000);
    const auto result = run(shards, small);
    ASSERT_TRUE(result);
    EXPECT_GT((*result)["splits"]["train"].as_array()->size(), 5U);
    std::string joined;
    for (const auto& [name, content] : outputs(small)) {
        EXPECT_LE(content.size(), 10'000U);
        joined += name.starts_with("train") ? content : "";
    }
    EXPECT_EQ(joined, outputs(one)["train-00000.jsonl"]);
}

TEST_F(Build, StartsAgainAfterItWasKilledAndLeavesTheSameBytes) {
    write_input();
    const auto whole = job("whole");
    const auto expected = run(spec(), whole);
    ASSERT_TRUE(expected);
    const auto killed = job("killed");
    for (int round = 0; round < 12; ++round) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const bool ok = run(spec(), killed).has_value();
            ::_exit(ok ? 0 : 1);
        }
        ::usleep(static_cast<useconds_t>(3'000 * (round + 1)));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
    const auto result = run(spec(), killed);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->dump(), expected->dump());
    EXPECT_EQ(outputs(killed), outputs(whole));
}

TEST_F(Build, StopsOnRequestAndGoesOnLater) {
    write_input();
    const auto directory = job("stopped");
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        catch_stop_signals();
        ::raise(SIGTERM);
        const auto result = run(spec(), directory);
        ::_exit(!result && result.error().code == ErrorCode::kCancelled ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_TRUE(run(spec(), directory));
}

TEST_F(Build, ReportsItsProgress) {
    write_input();
    std::vector<std::int64_t> steps;
    const auto parsed = build_spec_from(spec());
    ASSERT_TRUE(parsed);
    ASSERT_TRUE(build(*parsed, job("progress"), [&](const JobProgress& progress) {
        EXPECT_EQ(progress.steps_total, 4);
        EXPECT_FALSE(progress.message.empty());
        steps.push_back(progress.step);
    }));
    EXPECT_TRUE(std::ranges::is_sorted(steps));
    EXPECT_THAT(std::set(steps.begin(), steps.end()), testing::ElementsAre(1, 2, 3, 4));
}

TEST_F(Build, GivesAFinishedBuildAgainWithoutItsSources) {
    write_input();
    const auto directory = job("done");
    const auto first = run(spec(), directory);
    ASSERT_TRUE(first);
    ASSERT_TRUE(remove_tree(folder.path() / "in"));
    const auto second = run(spec(), directory);
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->dump(), first->dump());
    std::filesystem::resize_file(directory.out() / "train-00000.jsonl", 10);
    EXPECT_EQ(run(spec(), directory).error().code, ErrorCode::kNotFound);
}

TEST_F(Build, DoesNotGoOnWithTheStateOfAnotherSpecification) {
    write_input();
    const auto directory = job("changed");
    ASSERT_TRUE(run(spec(), directory));
    Json other = spec();
    other.set("heldout_fraction", 0.0);
    const auto result = run(other, directory);
    ASSERT_TRUE(result);
    EXPECT_TRUE((*result)["splits"]["heldout"].as_array()->empty());
    EXPECT_FALSE(std::filesystem::exists(directory.out() / "heldout-00000.jsonl"));
}

TEST_F(Build, KeepsNearDuplicatesOnOneSideWhenTheyAreKept) {
    std::string lines;
    for (std::size_t i = 0; i < 60; ++i) {
        for (int copy = 0; copy < 3; ++copy) {
            const std::string id = std::to_string(i) + "-" + std::to_string(copy);
            lines += to_line(Record{
                         .id = id,
                         .text = sentence(i) + std::string(static_cast<std::size_t>(copy) + 1, 'z') + "\n"
                     }) +
                     "\n";
        }
    }
    folder.write("in/data.jsonl", lines);
    Json json = spec();
    json.set("near_dedup", Json::object({{"mode", "keep"}}));
    const auto directory = job("keep");
    const auto result = run(json, directory);
    ASSERT_TRUE(result) << result.error().message;
    const auto heldout = ids_of(*result, directory, "heldout");
    const auto train = ids_of(*result, directory, "train");
    EXPECT_EQ(heldout.size() + train.size(), 180U);
    for (const auto& id : heldout) {
        const std::string family = id.substr(0, id.find('-'));
        for (const auto* copy : {"-0", "-1", "-2"}) {
            EXPECT_TRUE(heldout.contains(family + copy)) << id;
        }
    }
}

TEST_F(Build, DropsTrainingTextThatHoldsHeldOutText) {
    write_input();
    std::string all;
    for (std::size_t i = 0; i < 200; ++i) {
        all += sentence(i);
    }
    folder.write("in/collection.txt", all);
    Json json = spec();
    json.set("quality", Json::object({{"enabled", false}}));
    const auto directory = job("contaminated");
    const auto result = run(json, directory);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_FALSE(ids_of(*result, directory, "train").contains("collection.txt"));
    EXPECT_THAT((*result)["report"].dump(), HasSubstr(R"("reason":"contaminated","count":1)"));
}

TEST_F(Build, RefusesEmptyAndTooLargeInput) {
    folder.write("in/empty.txt", "");
    EXPECT_EQ(run(spec(), job("empty")).error().code, ErrorCode::kInvalid);
    write_input();
    Json json = spec();
    json.set("limits", Json::object({{"records_max", 10}}));
    const auto error = run(json, job("large")).error();
    EXPECT_EQ(error.code, ErrorCode::kTooLarge);
    EXPECT_THAT(error.message, HasSubstr("10 records"));
    json.set("limits", Json::object({{"text_bytes_max", 1000}}));
    EXPECT_EQ(run(json, job("bytes")).error().code, ErrorCode::kTooLarge);
}

TEST_F(Build, MakesPairsOfManualPages) {
    for (int i = 0; i < 30; ++i) {
        const std::string name = "tool" + std::to_string(i);
        folder.write(
            "man1/" + name + ".1",
            ".TH X 1\n.SH NAME\n" + name + " \\- do thing number " + std::to_string(i) + "\n.SH SYNOPSIS\n" +
                name + " [OPTION] FILE\n.SH DESCRIPTION\n" + sentence(static_cast<std::size_t>(i)) +
                ".SH AUTHORS\nJo\n"
        );
    }
    Json json = spec();
    const Json roots = Json::array({(folder.path() / "man1").string()});
    json.set(
        "sources",
        Json::array({Json::object({{"type", "manpages"}, {"roots", roots}, {"package_lists", "/nowhere"}})})
    );
    const auto directory = job("man");
    const auto result = run(json, directory);
    ASSERT_TRUE(result) << result.error().message;
    const auto train = ids_of(*result, directory, "train");
    EXPECT_EQ(train.size() + ids_of(*result, directory, "heldout").size(), 30U);
    EXPECT_EQ(ids_of(*result, directory, "pairs-train").size(), train.size() * 2);
    EXPECT_THAT(outputs(directory)["train-00000.jsonl"], testing::Not(HasSubstr("AUTHORS")));
}

TEST(BuildSpecFrom, NamesTheSettingThatIsWrong) {
    const auto message = [](std::string_view json) {
        const auto spec = build_spec_from(*parse_json(json));
        return spec ? std::string("(fine)") : spec.error().message;
    };
    EXPECT_THAT(message("{}"), HasSubstr("\"sources\""));
    EXPECT_THAT(message(R"({"sources":[]})"), HasSubstr("\"sources\""));
    EXPECT_THAT(message(R"({"sources":[{"type":"ftp"}]})"), HasSubstr("\"sources[0].type\""));
    EXPECT_THAT(message(R"({"sources":[{"type":"path"}]})"), HasSubstr("\"sources[0].path\" is missing"));
    EXPECT_THAT(
        message(R"({"sources":[{"type":"manpages","pages":1}]})"), HasSubstr("\"sources[0].pages\" is not")
    );
    const std::string pages = R"({"sources":[{"type":"manpages"}],)";
    EXPECT_EQ(message(pages + R"("pairs":true,"near_dedup":{"threshold":0.8}})"), "(fine)");
    EXPECT_THAT(message(pages + R"("colour":1})"), HasSubstr("\"colour\" is not a setting"));
    EXPECT_THAT(
        message(pages + R"("near_dedup":{"threshold":2}})"), HasSubstr("\"near_dedup.threshold\" must be")
    );
    EXPECT_THAT(message(pages + R"("heldout_fraction":"x"})"), HasSubstr("\"heldout_fraction\" must be"));
    EXPECT_THAT(message(pages + R"("quality":7})"), HasSubstr("\"quality\" must be an object"));
    EXPECT_THAT(message(pages + R"("seed":1.5})"), HasSubstr("whole number"));
    EXPECT_THAT(message(pages + R"("pii":{"types":["hat"]}})"), HasSubstr("hat"));
    EXPECT_THAT(message(pages + R"("normalise":{"invalid_utf8":"eat"}})"), HasSubstr("repair"));
    EXPECT_THAT(message("[]"), HasSubstr("must be an object"));
}

TEST(RecordFrom, RefusesWhatIsNoRecord) {
    const auto code = [](std::string_view json) { return record_from(*parse_json(json)).has_value(); };
    EXPECT_TRUE(code(R"({"text":"x","source":3,"extra":{}})"));
    EXPECT_FALSE(code(R"({"text":""})"));
    EXPECT_FALSE(code(R"({"id":"","text":"x"})"));
    EXPECT_FALSE(code(R"({"id":")" + std::string(600, 'x') + R"(","text":"x"})"));
    const Record record{.id = "a\"b", .text = "t\n\x01", .source = Json::object({{"kind", "k"}})};
    const auto again = record_from(*parse_json(to_line(record)));
    ASSERT_TRUE(again);
    EXPECT_EQ(to_line(*again), to_line(record));
}

}  // namespace
}  // namespace capstan::corpus
