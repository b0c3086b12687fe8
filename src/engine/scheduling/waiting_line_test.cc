#include "engine/scheduling/waiting_line.h"

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

class WaitingLineTest : public testing::Test {
protected:
    Sequence& add(const std::string& key, int priority = 0, std::int64_t deadline_at_ms = 0) {
        SequenceRequest request = {.prompt = {1}, .completion_tokens_max = 1};
        request.priority = priority;
        request.fairness_key = key;
        request.deadline_at_ms = deadline_at_ms;
        auto sequence = std::make_unique<Sequence>(request, std::make_shared<TokenChannel>());
        sequence->arrival = arrivals_++;
        sequence->account = &shares_.join(key);
        Sequence& added = *sequence;
        line_.add(std::move(sequence));
        return added;
    }

    // Takes the next, as if it cost so much.
    std::int64_t start(std::int64_t cost) {
        const auto next = line_.take_first();
        shares_.started(*next->account);
        next->account->served += cost;
        shares_.leave(next->request.fairness_key);
        return next->arrival;
    }

    FairShare shares_;
    WaitingLine line_;
    std::int64_t arrivals_ = 0;
};

TEST_F(WaitingLineTest, OneKeyIsServedInOrder) {
    for (int i = 0; i < 5; ++i) {
        add("a");
    }
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(start(10), i);
    }
    EXPECT_EQ(line_.first(), nullptr);
    EXPECT_EQ(line_.take_first(), nullptr);
}

TEST_F(WaitingLineTest, LowerPriorityNumbersComeFirst) {
    add("a", 1);
    add("a", -3);
    add("b", 0);
    EXPECT_EQ(start(1), 1);
    EXPECT_EQ(start(1), 2);
    EXPECT_EQ(start(1), 0);
}

TEST_F(WaitingLineTest, ManyOfOneKeyDoNotHoldUpAnother) {
    for (int i = 0; i < 100; ++i) {
        add("greedy");
    }
    EXPECT_EQ(start(10), 0);
    add("modest");  // 100
    add("modest");  // 101
    EXPECT_EQ(start(10), 100);
}

TEST_F(WaitingLineTest, KeysGetTheSameServiceInTokens) {
    for (int i = 0; i < 600; ++i) {
        add(i % 2 == 0 ? "long" : "short");
    }
    std::int64_t tokens_long = 0;
    std::int64_t tokens_short = 0;
    for (int i = 0; i < 200; ++i) {
        const bool is_long = line_.first()->request.fairness_key == "long";
        (is_long ? tokens_long : tokens_short) += is_long ? 300 : 100;
        start(is_long ? 300 : 100);
    }
    EXPECT_LE(std::abs(tokens_long - tokens_short), 300);
}

TEST_F(WaitingLineTest, APauseSavesNothingUp) {
    add("a");
    start(10);
    for (int i = 0; i < 10; ++i) {
        add("b");
        start(1000);
    }
    add("b");
    for (int i = 0; i < 20; ++i) {
        add("a");
    }
    int of_a = 0;
    while (line_.first()->request.fairness_key == "a") {
        start(1000);
        ++of_a;
    }
    EXPECT_LE(of_a, 2);
}

TEST_F(WaitingLineTest, TakesOutWhatIsCancelledOrLate) {
    add("a").channel->cancel();
    add("a");
    add("b", 0, 500);
    add("c", 7, 501);
    const auto ended = line_.take_ended(500);
    EXPECT_EQ(ended.size(), 2U);
    EXPECT_EQ(line_.size(), 2U);
    EXPECT_EQ(start(1), 1);
    EXPECT_EQ(start(1), 3);
    EXPECT_EQ(line_.first(), nullptr);
}

TEST_F(WaitingLineTest, WhatComesBackIsFirstOfItsKey) {
    add("a");
    add("a");
    auto first = line_.take_first();
    line_.put_back(std::move(first));
    EXPECT_EQ(start(1), 0);
    EXPECT_EQ(start(1), 1);
}

TEST_F(WaitingLineTest, AccountsOfThoseWhoLeftAreForgotten) {
    add("patient", 5);
    for (int i = 0; i < 10'000; ++i) {
        add("key " + std::to_string(i));
        start(1);
    }
    EXPECT_LE(shares_.accounts(), 1024U);
}

}  // namespace
}  // namespace capstan::engine
