#include <algorithm>

#include <gtest/gtest.h>

#include "corpus/pairs.h"

namespace capstan::corpus {
namespace {

Record record_of(std::string text, std::string kind = "file") {
    return {
        .id = "r1", .text = std::move(text), .source = Json::object({{"kind", kind}}), .meta = Json::object()
    };
}

const std::string kText =
    "The ship left the harbour at dawn. Nobody on the quay\nwaved it goodbye. By noon the wind had turned to "
    "the west! "
    "The captain ordered the sails to be taken in.\n\nA heading\n\nBelow deck the cook went on with his "
    "soup.";

TEST(TextPairs, AsksForTheSentenceThatFollows) {
    DropLog dropped(5);
    const auto pairs = text_pairs(record_of(kText), {}, dropped);
    ASSERT_EQ(pairs.size(), 2U);
    for (const Pair& pair : pairs) {
        EXPECT_EQ(pair.record, "r1");
        EXPECT_TRUE(pair.question.starts_with("What follows \"")) << pair.question;
        const std::string quoted = pair.question.substr(14, pair.question.size() - 16);
        std::string folded = kText;
        std::replace(folded.begin(), folded.end(), '\n', ' ');
        const std::size_t at = folded.find(quoted);
        ASSERT_NE(at, std::string::npos) << quoted;
        EXPECT_EQ(folded.substr(at + quoted.size() + 1, pair.answer.size()), pair.answer);
    }
    EXPECT_NE(pairs[0].question, pairs[1].question);
    EXPECT_EQ(text_pairs(record_of(kText), {}, dropped)[0].question, pairs[0].question);
}

TEST(TextPairs, MakesNoneOfManualPagesOfHeadingsAndOfNothing) {
    DropLog dropped(5);
    EXPECT_TRUE(text_pairs(record_of(kText, "manpage"), {}, dropped).empty());
    for (const char* text : {"", "No end", "A. B. C. D.", "One sentence that is long enough."}) {
        EXPECT_TRUE(text_pairs(record_of(text), {}, dropped).empty()) << text;
    }
    EXPECT_TRUE(text_pairs(record_of(std::string(50'000, '.')), {}, dropped).empty());
}

}  // namespace
}  // namespace capstan::corpus
