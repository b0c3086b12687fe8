#include "serving/generation.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "serving/scripted_model.h"

namespace capstan::serving {
namespace {

std::string rest_of(Generation& generation) {
    std::string all;
    while (auto piece = generation.next()) {
        all += *piece;
    }
    return all;
}

class GenerationTest : public testing::Test {
protected:
    std::unique_ptr<Generation> start() {
        auto generation = Generation::start(pool_, model_, {});
        EXPECT_TRUE(generation) << generation.error().message;
        return std::move(*generation);
    }

    ScriptedModel model_;
    http::WorkerPool pool_{1, 0};  // Last: its threads use the model.
};

TEST_F(GenerationTest, HandsThePiecesOnInOrderAndThenTheResult) {
    const auto generation = start();
    EXPECT_EQ(generation->next(), "Hel");
    EXPECT_EQ(generation->next(), "lo");
    EXPECT_EQ(generation->next(), std::nullopt);
    EXPECT_EQ(generation->next(), std::nullopt) << "the end stays the end";
    ASSERT_TRUE(generation->result());
    EXPECT_EQ(generation->result()->text, "Hello");
}

TEST_F(GenerationTest, HandsOutWhatCameBeforeAFailure) {
    model_.failure = Error{ErrorCode::kUnavailable, "broken"};
    const auto generation = start();
    EXPECT_EQ(rest_of(*generation), "Hello");
    ASSERT_FALSE(generation->result());
    EXPECT_EQ(generation->result().error().message, "broken");
}

TEST_F(GenerationTest, DroppedItCancelsTheModel) {
    model_.is_endless = true;
    auto generation = start();
    EXPECT_EQ(generation->next(), "Hel");
    generation.reset();
    pool_.stop();  // Returns only when the model did.
    EXPECT_EQ(model_.cancelled, 1);
}

TEST_F(GenerationTest, ASlowReaderHoldsTheModelBackAndMissesNothing) {
    model_.is_endless = true;
    const auto generation = start();
    std::int64_t before = -1;
    while (before != model_.pieces_made || before == 0) {  // Until the model waits.
        before = model_.pieces_made;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_LE(before, 300) << "pieces were made that nobody reads";
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(generation->next(), i % 2 == 0 ? "Hel" : "lo");
    }
}

TEST_F(GenerationTest, DroppedWhileTheModelWaitsForTheReaderItCancelsTheModel) {
    model_.is_endless = true;
    auto generation = start();
    while (model_.pieces_made < 256) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    generation.reset();
    pool_.stop();
    EXPECT_EQ(model_.cancelled, 1);
}

TEST_F(GenerationTest, IsRefusedWhenThePoolIsFull) {
    model_.is_endless = true;
    auto running = start();
    EXPECT_TRUE(running->next());
    const auto refused = Generation::start(pool_, model_, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
}

}  // namespace
}  // namespace capstan::serving
