#include "text/sentence_piece_file.h"

#include <random>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_paths.h"

namespace capstan::text {
namespace {

std::string golden(const std::string& name) {
    return *read_file(source_directory() / "tests/golden/text" / name);
}

TEST(SentencePieceFile, SaysWhatTheTrainerWasTold) {
    const auto bpe = read_sentence_piece_file(golden("sentence_piece_bpe.model"));
    ASSERT_TRUE(bpe) << bpe.error().message;
    EXPECT_FALSE(bpe->spec.is_unigram);
    EXPECT_TRUE(bpe->spec.byte_fallback);
    EXPECT_TRUE(bpe->spec.prepends_space);
    EXPECT_FALSE(bpe->spec.joins_spaces);
    EXPECT_EQ(bpe->spec.pieces.size(), 700U);
    EXPECT_EQ(bpe->spec.unknown_id, 0);
    EXPECT_EQ(bpe->bos_id, 1);
    EXPECT_EQ(bpe->eos_id, 2);
    EXPECT_EQ(bpe->spec.pieces[1].type, PieceType::kControl);
    const auto unigram = read_sentence_piece_file(golden("sentence_piece_unigram.model"));
    ASSERT_TRUE(unigram) << unigram.error().message;
    EXPECT_TRUE(unigram->spec.is_unigram);
    EXPECT_TRUE(unigram->spec.joins_spaces);
    EXPECT_FALSE(unigram->spec.charsmap.empty());
    const auto plain = read_sentence_piece_file(golden("sentence_piece_bpe_plain.model"));
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_FALSE(plain->spec.prepends_space);
}

TEST(SentencePieceFile, RefusesWhatIsCutOff) {
    const std::string whole = golden("sentence_piece_bpe_plain.model");
    int refused = 0;
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += 7) {
        refused += read_sentence_piece_file(std::string_view(whole).substr(0, bytes)) ? 0 : 1;
    }
    EXPECT_GT(refused, 500);  // The rest ends between two pieces.
    EXPECT_FALSE(read_sentence_piece_file(""));
    EXPECT_FALSE(read_sentence_piece_file("not a model at all"));
}

TEST(SentencePieceFile, RefusesFieldsThatLie) {
    using namespace std::string_literals;
    EXPECT_FALSE(read_sentence_piece_file("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"s)
    );                                                            // A piece of 2^64 bytes.
    EXPECT_FALSE(read_sentence_piece_file("\x0A\x02\x18\x09"s));  // The type 9.
    EXPECT_FALSE(read_sentence_piece_file("\x12\x02\x18\x04"s));  // Neither kind of model.
    EXPECT_FALSE(read_sentence_piece_file("\x0B"s));              // A group.
    EXPECT_FALSE(read_sentence_piece_file("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"s)
    );  // A number without end.
    const auto taken = read_sentence_piece_file("\x0A\x03\x0A\x01z"s);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(taken->spec.pieces.size(), 1U);
    EXPECT_EQ(taken->bos_id, std::nullopt);  // The default, 1, is no piece.
}

TEST(SentencePieceFile, SurvivesChangedBytes) {
    const std::string whole = golden("sentence_piece_unigram.model");
    std::mt19937 random(3);
    int taken = 0;
    for (int round = 0; round < 300; ++round) {
        std::string changed = whole;
        for (int i = 0; i < 4; ++i) {
            changed[random() % changed.size()] = static_cast<char>(random());
        }
        auto file = read_sentence_piece_file(changed);
        if (!file) {
            continue;
        }
        if (auto parts = assemble_sentence_piece(std::move(file->spec))) {
            const Tokenizer tokenizer = Tokenizer::assemble(std::move(*parts));
            tokenizer.decode(tokenizer.encode("The \uFB01rst year \u00BD of e\u0301t\u00E9 \U0001F600"));
            taken += 1;
        }
    }
    EXPECT_GT(taken, 10);
}

}  // namespace
}  // namespace capstan::text
