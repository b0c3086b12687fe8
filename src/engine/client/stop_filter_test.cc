#include "engine/client/stop_filter.h"

#include <random>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

// What is shown when `text` comes in pieces of one character.
std::string shown(const std::vector<std::string>& stops, std::string_view text) {
    StopFilter filter(stops);
    std::string all;
    for (const char c : text) {
        all += filter.push(std::string_view(&c, 1));
    }
    return filter.stopped() ? all : all + filter.finish();
}

TEST(StopFilter, EndsBeforeTheFirstStop) {
    EXPECT_EQ(shown({"STOP"}, "one STOP two"), "one ");
    EXPECT_EQ(shown({"STOP", "one"}, "one STOP two"), "");
    EXPECT_EQ(shown({"x"}, "one STOP two"), "one STOP two");
    EXPECT_EQ(shown({}, "one"), "one");
    EXPECT_EQ(shown({"ab", "abc"}, "xabc"), "x");
    EXPECT_EQ(shown({"abab", "ba"}, "xabab"), "xa");  // "ba" is complete before "abab" is.
    EXPECT_EQ(shown({"b", "ab"}, "xab"), "x");
}

TEST(StopFilter, HoldsBackOnlyWhatCouldBecomeAStop) {
    StopFilter filter({"STOP"});
    EXPECT_EQ(filter.push("a S"), "a ");
    EXPECT_EQ(filter.push("T"), "");
    EXPECT_EQ(filter.push("x"), "STx");
    EXPECT_EQ(filter.push("SS"), "S");
    EXPECT_EQ(filter.push("TOP more"), "");
    EXPECT_TRUE(filter.stopped());
    EXPECT_EQ(filter.push("more"), "");
}

TEST(StopFilter, ShowsWhatWasHeldWhenTheTextEnds) {
    StopFilter filter({"\n\n"});
    EXPECT_EQ(filter.push("end\n"), "end");
    EXPECT_EQ(filter.finish(), "\n");
    EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, ShowsTheSameHoweverTheTextIsCut) {
    std::mt19937 random(4);
    const std::vector<std::vector<std::string>> stop_sets = {
        {"aab"}, {"abab", "ba"}, {"aaaa"}, {"b", "aa", "ab"}
    };
    for (int round = 0; round < 400; ++round) {
        std::string text;
        for (int i = 0; i < 14; ++i) {
            text.push_back(random() % 2 == 0 ? 'a' : 'b');
        }
        for (const auto& stops : stop_sets) {
            std::size_t end = std::string::npos;
            std::size_t first = text.size();
            for (const auto& stop : stops) {
                const std::size_t begin = text.find(stop);
                if (begin != std::string::npos &&
                    std::pair(begin + stop.size(), begin) < std::pair(end, first)) {
                    end = begin + stop.size();
                    first = begin;
                }
            }
            StopFilter filter(stops);
            std::string pieces;
            for (std::size_t at = 0; at < text.size();) {
                const std::size_t size = 1 + random() % 4;
                pieces += filter.push(std::string_view(text).substr(at, size));
                // Nothing leaks: what is shown is always a beginning of the answer.
                ASSERT_TRUE(text.substr(0, first).starts_with(pieces)) << text;
                at += size;
            }
            if (!filter.stopped()) {
                pieces += filter.finish();
            }
            ASSERT_EQ(pieces, text.substr(0, first)) << text;
        }
    }
}

TEST(StopFilter, RefusesStopsThatCannotBe) {
    EXPECT_TRUE(check_stops({"a", "b", "c", "d"}));
    EXPECT_FALSE(check_stops(std::vector<std::string>(17, "a")));
    EXPECT_FALSE(check_stops({""}));
    EXPECT_FALSE(check_stops({"\xff"}));
    EXPECT_FALSE(check_stops({std::string(501, 'a')}));
}

}  // namespace
}  // namespace capstan::engine
