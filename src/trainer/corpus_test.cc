#include "trainer/corpus.h"

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "trainer/batches.h"

namespace capstan::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One token a byte, ids from 5; markers 0 to 4 as in the main job.
TextEncoder byte_encoder() {
    TextEncoder encoder;
    encoder.markers = {.end_of_text = 0, .system = 1, .user = 2, .assistant = 3, .end = 4};
    encoder.encode = [](std::string_view text) -> Result<std::vector<std::uint32_t>> {
        std::vector<std::uint32_t> tokens;
        for (const char byte : text) {
            tokens.push_back(5U + static_cast<unsigned char>(byte));
        }
        return tokens;
    };
    return encoder;
}

class CorpusTest : public testing::Test {
protected:
    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    TextEncoder encoder_ = byte_encoder();
    CorpusLimits limits_{300, 64};

    std::filesystem::path file(std::string_view content) {
        const auto path = folder_ / new_id();
        EXPECT_TRUE(replace_file(path, content));
        return path;
    }

    Result<TokenFile> read(std::string_view content) {
        return tokenised_corpus({file(content)}, encoder_, limits_, folder_ / new_id());
    }

    void expect_refused(std::string_view content, std::string_view why) {
        const auto tokens = read(content);
        ASSERT_FALSE(tokens) << content;
        EXPECT_EQ(tokens.error().code, ErrorCode::kInvalid);
        EXPECT_THAT(tokens.error().message, HasSubstr(std::string(why)));
    }
};

std::vector<std::int64_t> without_bits(std::span<const std::uint32_t> tokens) {
    std::vector<std::int64_t> plain;
    for (const std::uint32_t token : tokens) {
        plain.push_back(token & ~kLearnBit);
    }
    return plain;
}

std::string learnt_text(std::span<const std::uint32_t> tokens) {
    std::string text;
    for (const std::uint32_t token : tokens) {
        if ((token & kLearnBit) != 0) {
            const std::uint32_t id = token & ~kLearnBit;
            text += id == 4 ? "<|end|>" : std::string(1, static_cast<char>(id - 5));
        }
    }
    return text;
}

TEST_F(CorpusTest, PutsAMarkerBeforeEachDocumentAndAfterTheLast) {
    const auto tokens = read("{\"text\":\"A\"}\n\n{\"text\":\"\"}\n{\"text\":\"BC\"}");
    ASSERT_TRUE(tokens) << tokens.error().message;
    EXPECT_EQ(tokens->kind(), RecordKind::kDocuments);
    EXPECT_THAT(without_bits(tokens->tokens()), ElementsAre(0, 5 + 'A', 0, 5 + 'B', 5 + 'C', 0));
}

TEST_F(CorpusTest, TakesTokensAsTheyAre) {
    const auto tokens = read("{\"tokens\":[7,8]}\n{\"tokens\":[9]}\n");
    ASSERT_TRUE(tokens) << tokens.error().message;
    EXPECT_THAT(without_bits(tokens->tokens()), ElementsAre(0, 7, 8, 0, 9, 0));
}

TEST_F(CorpusTest, LearnsOnlyWhatTheAssistantSays) {
    const auto tokens = read(R"({"question":"Q?","answer":"Yes"})");
    ASSERT_TRUE(tokens) << tokens.error().message;
    EXPECT_EQ(tokens->kind(), RecordKind::kChats);
    EXPECT_EQ(learnt_text(tokens->record(0)), "Yes<|end|>");
    EXPECT_THAT(
        without_bits(tokens->record(0)),
        ElementsAre(
            2, 5 + '\n', 5 + 'Q', 5 + '?', 4, 5 + '\n', 3, 5 + '\n', 5 + 'Y', 5 + 'e', 5 + 's', 4, 5 + '\n'
        )
    );
}

TEST_F(CorpusTest, LearnsEveryTurnOfTheAssistantInAConversation) {
    const auto tokens = read(
        R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},)"
        R"({"role":"assistant","content":"one"},{"role":"user","content":"v"},{"role":"assistant","content":"two"}]})"
    );
    ASSERT_TRUE(tokens) << tokens.error().message;
    EXPECT_EQ(learnt_text(tokens->record(0)), "one<|end|>two<|end|>");
}

TEST_F(CorpusTest, CutsLongConversationsAndDropsThoseWithoutAnAnswerLeft) {
    limits_.chat_tokens_max = 12;
    const auto tokens = read(R"({"question":"Q","answer":"a very long answer"})"
                             "\n"
                             R"({"question":"a very long question","answer":"A"})"
                             "\n"
                             R"({"question":"Q","answer":"A"})");
    ASSERT_TRUE(tokens) << tokens.error().message;
    ASSERT_EQ(tokens->records(), 2U);
    EXPECT_EQ(tokens->record(0).size(), 13U);
    EXPECT_EQ(tokens->truncated(), 2U);
}

TEST_F(CorpusTest, NamesFileAndLineOfWhatItRefuses) {
    expect_refused("{\"text\":\"a\"}\n{\"text\":\n", "line 2");
    expect_refused("{\"text\":\"a\"}\n{\"title\":\"b\"}\n", "line 2");
    expect_refused("{\"text\":\"a\"}\n{\"question\":\"b\",\"answer\":\"c\"}\n", "mixed");
    expect_refused("{\"tokens\":[300]}", "300");
    expect_refused("{\"tokens\":[-1]}", "-1");
    expect_refused("{\"tokens\":[\"x\"]}", "\"x\"");
    expect_refused("{\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}", "role");
    expect_refused("[]", "no record");
    expect_refused("", "no record with text");
    limits_.vocab_size = 100;
    expect_refused("{\"text\":\"a\"}", "the model has only 100");
    encoder_.encode = nullptr;
    expect_refused("{\"text\":\"a\"}", "needs a tokenizer");
}

TEST_F(CorpusTest, RefusesAConversationWithoutItsSpecialTokens) {
    encoder_.markers.assistant = -1;
    expect_refused(R"({"question":"Q","answer":"A"})", "<|assistant|>");
}

TEST_F(CorpusTest, TokenisesOnceAndAgainWhenSomethingChanged) {
    const auto path = file("{\"text\":\"A\"}");
    const auto cache = folder_ / "cache";
    int calls = 0;
    const auto plain = encoder_.encode;
    encoder_.encode = [&](std::string_view text) {
        ++calls;
        return plain(text);
    };
    ASSERT_TRUE(tokenised_corpus({path}, encoder_, limits_, cache));
    ASSERT_TRUE(tokenised_corpus({path}, encoder_, limits_, cache));
    EXPECT_EQ(calls, 1);
    ASSERT_TRUE(replace_file(path, "{\"text\":\"B\"}"));
    EXPECT_THAT(
        without_bits(tokenised_corpus({path}, encoder_, limits_, cache)->tokens()), ElementsAre(0, 5 + 'B', 0)
    );
    encoder_.fingerprint = 17;
    ASSERT_TRUE(tokenised_corpus({path}, encoder_, limits_, cache));
    EXPECT_EQ(calls, 3);
}

TEST_F(CorpusTest, TokenisesAgainWhenTheKeptFileIsBroken) {
    const auto path = file("{\"text\":\"A\"}");
    const auto cache = folder_ / "cache";
    ASSERT_TRUE(tokenised_corpus({path}, encoder_, limits_, cache));
    const std::string whole = *read_file(cache);
    for (std::size_t i = 0; i < whole.size(); i += 5) {
        std::string broken = whole;
        broken[i] = static_cast<char>(broken[i] ^ 0x10);
        ASSERT_TRUE(replace_file(cache, i % 2 == 0 ? broken : broken.substr(0, i)));
        const auto tokens = tokenised_corpus({path}, encoder_, limits_, cache);
        ASSERT_TRUE(tokens) << tokens.error().message;
        // Byte 60 is in the reserved word, which means nothing.
        EXPECT_THAT(without_bits(tokens->tokens()), ElementsAre(0, 5 + 'A', 0)) << i;
    }
}

class BatchesTest : public CorpusTest {
protected:
    // `count` tokens, of which each is its own number.
    TokenFile counting(std::uint32_t count) {
        TokenRecords records;
        for (std::uint32_t i = 0; i < count; ++i) {
            records.tokens.push_back(i | kLearnBit);
        }
        records.ends.push_back(count);
        EXPECT_TRUE(TokenFile::write(folder_ / "counting", records, 1));
        return *TokenFile::open(folder_ / "counting", 1);
    }
};

TEST_F(BatchesTest, AnEpochHasEveryWindowOnceInAnotherOrder) {
    const TokenFile file = counting(41);
    auto source = BatchSource::make(file, {.sequences = 2, .sequence_tokens = 5, .accumulate = 1}, 3);
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(source->batches_per_epoch(), 4);
    std::vector<std::vector<std::int64_t>> epochs;
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
        std::vector<std::int64_t> firsts;
        for (std::int64_t i = 0; i < 4; ++i) {
            const Batch batch = source->batch(epoch * 4 + i);
            EXPECT_EQ(batch.learnt_tokens, 10);
            for (std::size_t at = 0; at < 10; ++at) {
                EXPECT_EQ(batch.labels[at], batch.inputs[at] + 1);
            }
            firsts.push_back(batch.inputs[0]);
            firsts.push_back(batch.inputs[5]);
        }
        epochs.push_back(firsts);
        EXPECT_THAT(firsts, testing::UnorderedElementsAre(0, 5, 10, 15, 20, 25, 30, 35));
    }
    EXPECT_NE(epochs[0], epochs[1]);
}

TEST_F(BatchesTest, ABatchDependsOnItsNumberAndTheSeedOnly) {
    const TokenFile file = counting(1000);
    const BatchSettings settings{.sequences = 3, .sequence_tokens = 7, .accumulate = 1};
    auto first = BatchSource::make(file, settings, 3);
    auto second = BatchSource::make(file, settings, 3);
    auto other = BatchSource::make(file, settings, 4);
    const auto there = first->batch(100).inputs;
    static_cast<void>(second->batch(3));
    EXPECT_EQ(second->batch(100).inputs, there);
    EXPECT_NE(other->batch(100).inputs, there);
}

TEST_F(BatchesTest, RefusesDataForLessThanOneWindow) {
    const TokenFile file = counting(5);
    const auto source = BatchSource::make(file, {.sequences = 1, .sequence_tokens = 5, .accumulate = 1}, 0);
    ASSERT_FALSE(source);
    EXPECT_THAT(source.error().message, HasSubstr("too few"));
}

TEST_F(BatchesTest, PadsConversationsOnTheRightAndIgnoresThePadding) {
    const auto tokens = read(R"({"question":"Q","answer":"A"})"
                             "\n"
                             R"({"question":"Q","answer":"Aaaa"})");
    auto source = BatchSource::make(*tokens, {.sequences = 4, .sequence_tokens = 64, .accumulate = 1}, 0);
    const Batch batch = source->batch(0);
    EXPECT_EQ(batch.rows, 2);
    EXPECT_EQ(batch.columns, 12);
    EXPECT_EQ(batch.learnt_tokens, 2 + 5);
    EXPECT_EQ(
        std::ranges::count_if(batch.labels, [](std::int64_t label) { return label != kIgnoredLabel; }), 7
    );
}

TEST_F(BatchesTest, AnEpochOfConversationsHasEachOnce) {
    std::string lines;
    for (std::size_t i = 0; i < 37; ++i) {
        lines += fmt::format("{{\"question\":\"{}\",\"answer\":\"{}\"}}\n", std::string(1 + i % 9, 'q'), i);
    }
    const auto tokens = read(lines);
    auto source = BatchSource::make(*tokens, {.sequences = 4, .sequence_tokens = 64, .accumulate = 1}, 5);
    std::int64_t rows = 0;
    std::int64_t learnt = 0;
    for (std::int64_t i = 0; i < source->batches_per_epoch(); ++i) {
        rows += source->batch(i).rows;
        learnt += source->batch(i).learnt_tokens;
    }
    EXPECT_EQ(rows, 37);
    EXPECT_EQ(learnt, 10 * 2 + 27 * 3);  // Digits and the end.
}

TEST_F(BatchesTest, ASampleIsSpreadOverTheDataAndAlwaysTheSame) {
    const TokenFile file = counting(1001);
    const auto source = BatchSource::make(file, {.sequences = 4, .sequence_tokens = 10, .accumulate = 1}, 3);
    const auto sample = source->sample(10);
    ASSERT_EQ(sample.size(), 3U);
    EXPECT_EQ(sample[0].inputs[0], 0);
    EXPECT_EQ(sample[2].inputs[10], 900);
    EXPECT_EQ(source->sample(10)[1].inputs, sample[1].inputs);
    EXPECT_EQ(source->sample(100'000).size(), 25U);
}

}  // namespace
}  // namespace capstan::trainer
