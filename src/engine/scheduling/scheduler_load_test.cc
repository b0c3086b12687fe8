// What many sequences cost: memory of those that wait and of those that run, and who is served. The figures
// are printed.

#include <gtest/gtest.h>
#include <malloc.h>

#include "engine/scheduling/test_engine.h"

namespace capstan::engine {
namespace {

// Bytes that this process has allocated; 0 where the allocator does not tell, as with sanitizers.
std::int64_t heap_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

TEST(SchedulerLoad, TenThousandWaitInFlatMemoryAreServedInTurnsAndNoneIsLost) {
    constexpr std::int64_t kRequests = 10'000;
    constexpr std::int64_t kPromptTokens = 40;
    constexpr std::int64_t kBytesMax = 6 * 1024;  // Of one that waits: its prompt, state and channel.
    TestEngine engine(500, {.running_max = 16, .step_target_us = 0});
    std::mt19937 random(3);
    const auto prompt = random_tokens(random, kPromptTokens);
    for (int round = 0; round < 2; ++round) {
        std::vector<std::shared_ptr<TokenChannel>> channels;
        channels.reserve(kRequests);
        const std::int64_t before = heap_bytes();
        for (std::int64_t i = 0; i < kRequests; ++i) {
            SequenceRequest request = {.prompt = prompt, .completion_tokens_max = 2};
            request.prompt.back() = static_cast<llm::TokenId>(7 + i % 200);
            request.ignore_end = true;
            request.fairness_key = i < 9'000 ? "many" : "few";
            channels.push_back(engine.submit(request).front());
        }
        const std::int64_t each = (heap_bytes() - before) / kRequests;
        EXPECT_LE(each, kBytesMax);
        // The thousand of the second key came last, and are served as fast as the first key's.
        const std::int64_t generated = engine.scheduler().stats().generated_tokens;
        while (!channels.back()->has_ended()) {
            ASSERT_TRUE(engine.scheduler().step());
        }
        const std::int64_t of_both = engine.scheduler().stats().generated_tokens - generated;
        EXPECT_LE(of_both, 2 * 2 * 1'000 + 1'000);
        engine.run_all();
        std::int64_t lost = 0;
        for (const auto& channel : channels) {
            lost += read_all(*channel).tokens.size() == 2 ? 0 : 1;
        }
        EXPECT_EQ(lost, 0);
        channels.clear();
        const std::int64_t left = heap_bytes() - before;
        // In the second round everything that is kept has been made.
        EXPECT_TRUE(round == 0 || left < 256 * 1024) << left;
        std::printf(
            "10,000 requests of 40 tokens: %lld bytes each while they wait, %lld bytes left behind in all; "
            "when "
            "the last of the second key's 1,000 ended, %lld had been served of both keys; %lld lost\n",
            static_cast<long long>(each),
            static_cast<long long>(left),
            static_cast<long long>(of_both / 2),
            static_cast<long long>(lost)
        );
    }
    engine.expect_no_leak();
}

// Of the memory that running sequences hold, over all steps, the share that holds no token.
double wasted(TestEngine& engine) {
    double held = 0;
    double empty = 0;
    while (engine.scheduler().step()) {
        const SchedulerStats stats = engine.scheduler().stats();
        held += static_cast<double>(stats.kv_bytes_used);
        empty += static_cast<double>(stats.kv_bytes_wasted);
    }
    return empty / held;
}

TEST(SchedulerLoad, EightStreamsWasteLittleOfTheMemoryThatTheyHold) {
    for (const auto& [shared, own] : {std::pair{0, 128}, std::pair{512, 128}, std::pair{0, 400}}) {
        TestEngine engine(2000, {.step_target_us = 0});
        std::mt19937 random(4);
        const auto beginning = random_tokens(random, static_cast<std::size_t>(shared));
        for (int i = 0; i < 8; ++i) {
            SequenceRequest request = {.prompt = beginning, .completion_tokens_max = 128};
            const auto rest = random_tokens(random, static_cast<std::size_t>(own));
            request.prompt.insert(request.prompt.end(), rest.begin(), rest.end());
            request.ignore_end = true;
            engine.submit(request);
        }
        const double share = wasted(engine);
        EXPECT_GT(share, 0);
        EXPECT_LT(share, 0.04) << shared << " + " << own;
        std::printf(
            "8 streams of %d shared, %d own and 128 generated tokens: %.2f %% of the pages' bytes hold no "
            "token\n",
            shared,
            own,
            100 * share
        );
        engine.expect_no_leak();
    }
}

TEST(SchedulerLoad, BranchesShareWhatIsEmptyOfAPageToo) {
    TestEngine engine(100, {.step_target_us = 0});
    SequenceRequest request = {.prompt = std::vector<llm::TokenId>(24, 7), .completion_tokens_max = 4};
    request.ignore_end = true;
    engine.submit(request, 4);
    engine.scheduler().step();  // The prompt: two pages, of which the second is half empty.
    const std::int64_t page = engine.block_bytes();
    EXPECT_EQ(engine.scheduler().stats().kv_bytes_used, 2 * page);
    EXPECT_EQ(engine.scheduler().stats().kv_bytes_wasted, page / 2);
    engine.scheduler().step();  // Each has written to a copy of its own.
    EXPECT_EQ(engine.scheduler().stats().kv_bytes_used, 5 * page);
    EXPECT_EQ(engine.scheduler().stats().kv_bytes_wasted, 4 * page * 7 / 16);
    engine.run_all();
    EXPECT_EQ(engine.scheduler().stats().kv_bytes_wasted, 0);
}

}  // namespace
}  // namespace capstan::engine
