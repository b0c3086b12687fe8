// Signatures, groups of near duplicates, and what training may not have seen.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "corpus/boilerplate.h"
#include "corpus/decontaminate.h"
#include "corpus/minhash.h"
#include "corpus/near_dedup.h"
#include "corpus/split.h"
#include "corpus/words.h"

namespace capstan::corpus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kFox = "the quick brown fox jumps over the lazy dog and runs away";

std::vector<std::uint64_t> signature_of(std::string_view text) {
    const std::string simple = simplify(text);
    return MinHash({}).signature(shingle_hashes(split_words(simple), 5));
}

std::string words_from(std::size_t first, std::size_t count) {
    std::string text;
    for (std::size_t i = first; i < first + count; ++i) {
        text += "w" + sha256_hex(std::to_string(i)).substr(0, 6) + " ";
    }
    return text;
}

// Golden values measured with NumPy.
TEST(MinHash, HasNumpysParameters) {
    const MinHash minhash({});
    const auto a = minhash.multipliers();
    const auto b = minhash.addends();
    EXPECT_THAT(
        a.subspan(0, 4),
        ElementsAre(775169054918279404U, 1758426461858698313U, 2109959069025162U, 965365488286768774U)
    );
    EXPECT_THAT(
        b.subspan(0, 4),
        ElementsAre(1062448801025099917U, 1324811268927594100U, 1217488311597731462U, 100775521383383736U)
    );
    EXPECT_EQ(a[111], 223865076026037746U);
    EXPECT_EQ(b[111], 1097409548522419201U);
}

TEST(MinHash, HasDatatrovesSignature) {
    const auto signature = signature_of(kFox);
    ASSERT_EQ(signature.size(), 112U);
    EXPECT_THAT(
        std::span(signature).subspan(0, 8),
        ElementsAre(
            85330943174081874U,
            663359892825767826U,
            302227827184868053U,
            34440879854629237U,
            482983510142523242U,
            117899488208280896U,
            922286648869847700U,
            10780627625530002U
        )
    );
    const std::string_view bytes(reinterpret_cast<const char*>(signature.data()), signature.size() * 8);
    EXPECT_EQ(sha256_hex(bytes), "c984adad5e42f6a5c6d97fdec21b8d4d0ae3ee9e9573d745ee2d0e891e2a715d");
}

TEST(MinHash, GivesNoSignatureForTooFewWords) {
    EXPECT_THAT(signature_of("only four words here"), IsEmpty());
}

TEST(UnionFind, JoinsTheSmallerToTheLarger) {
    UnionFind groups(5);
    groups.join(3, 4);
    EXPECT_EQ(groups.root_of(4), 3U);
    groups.join(0, 3);
    EXPECT_EQ(groups.root_of(0), 3U);
    groups.join(1, 2);
    EXPECT_EQ(groups.root_of(2), 1U);
    EXPECT_NE(groups.root_of(1), groups.root_of(4));
}

TEST(NearDuplicateRoots, GroupsNearlyEqualTextsOnly) {
    const std::string text = words_from(0, 400);
    const std::vector<std::vector<std::uint64_t>> signatures = {
        signature_of(text),
        signature_of(words_from(1000, 400)),
        signature_of(text + "with four words more"),
        signature_of("short one"),
        signature_of(words_from(200, 400)),
        signature_of("Some words before: " + text),
    };
    const auto roots = near_duplicate_roots(signatures, {});
    EXPECT_EQ(roots[2], roots[0]);
    EXPECT_EQ(roots[5], roots[0]);
    EXPECT_EQ(roots[1], 1U);
    EXPECT_EQ(roots[3], 3U);
    EXPECT_EQ(roots[4], 4U);
}

TEST(NearDuplicateRoots, AsksForTheThresholdWhenThereIsOne) {
    const std::vector<std::vector<std::uint64_t>> signatures = {
        signature_of(words_from(0, 100)), signature_of(words_from(0, 92) + words_from(500, 8))
    };
    EXPECT_EQ(near_duplicate_roots(signatures, {})[1], near_duplicate_roots(signatures, {})[0]);
    EXPECT_THAT(near_duplicate_roots(signatures, {.minhash = {}, .threshold = 0.99}), ElementsAre(0, 1));
}

TEST(NearDuplicateRoots, NeverGroupsDocumentsWithoutSignature) {
    EXPECT_THAT(near_duplicate_roots(std::vector<std::vector<std::uint64_t>>(3), {}), ElementsAre(0, 1, 2));
}

TEST(SideOf, HoldsOutTheFractionAndKeepsItWhenItGrows) {
    int heldout = 0;
    for (int i = 0; i < 20'000; ++i) {
        const std::string id = "man/page" + std::to_string(i) + ".1";
        const bool is_heldout = side_of(id, 0.05, 1) == Side::kHeldout;
        heldout += is_heldout ? 1 : 0;
        if (is_heldout) {
            EXPECT_EQ(side_of(id, 0.1, 1), Side::kHeldout);
        }
    }
    EXPECT_NEAR(heldout, 1000, 100);  // Three standard deviations are 92.
    EXPECT_EQ(side_of("x", 0.0, 1), Side::kTrain);
    EXPECT_EQ(side_of("x", 1.0, 1), Side::kHeldout);
}

TEST(SideOf, StaysTheSameForEver) {
    EXPECT_EQ(side_of("man/ls.1", 0.05, 1), Side::kTrain);
    EXPECT_EQ(side_of("man/ls.1", 0.5, 1), side_of("man/ls.1", 0.5, 1));
}

TEST(ContaminationIndex, FindsTextThatIsInAHeldOutDocument) {
    ContaminationIndex index({.ngram_words = 13, .overlap_max = 0.2});
    index.add(index.ngrams_in(words_from(5000, 50)));
    index.add(index.ngrams_in(words_from(0, 100)));
    const auto overlap = index.overlap_with(words_from(900, 2000) + words_from(20, 60));
    EXPECT_EQ(overlap.document, 1U);
    EXPECT_EQ(overlap.ngrams.size(), 48U);
    EXPECT_NEAR(overlap.share, 48.0 / 88.0, 1e-9);  // Of the held-out one, not of the much longer other.
    EXPECT_TRUE(index.is_contaminated(overlap));
    EXPECT_FALSE(index.is_contaminated(index.overlap_with(words_from(200, 100) + words_from(0, 15))));
    EXPECT_FALSE(index.is_contaminated(index.overlap_with("too short")));
}

TEST(ContaminationIndex, TakesOneSharedNGramForEnoughWhenNoneIsAllowed) {
    ContaminationIndex index({.ngram_words = 13, .overlap_max = 0.0});
    index.add(index.ngrams_in(words_from(0, 100)));
    EXPECT_TRUE(index.is_contaminated(index.overlap_with(words_from(200, 100) + words_from(0, 13))));
    EXPECT_FALSE(index.is_contaminated(index.overlap_with(words_from(200, 100) + words_from(0, 12))));
}

TEST(Boilerplate, IsALineOfManyDocuments) {
    const BoilerplateSettings settings{.document_fraction_min = 0.5, .documents_min = 2};
    LineFrequencies frequencies(settings);
    const std::string licence = "This is free software, do what you want with it.\n";
    for (int i = 0; i < 4; ++i) {
        const std::string own = "Only document number " + std::to_string(i) + " says this sentence.\n";
        frequencies.add(line_hashes("SEE ALSO\n" + (i < 2 ? licence : "") + own + own, settings));
    }
    const auto cleared =
        without_boilerplate("SEE ALSO\n\n  " + licence + "\nOwn words of it.\n", frequencies, settings);
    EXPECT_EQ(cleared.text, "SEE ALSO\n\nOwn words of it.\n");
    EXPECT_EQ(cleared.lines, 1U);
    EXPECT_EQ(cleared.bytes, licence.size() + 2);
    const std::string own = "Only document number 1 says this sentence.\n";
    EXPECT_EQ(without_boilerplate(own, frequencies, settings).text, own);
    EXPECT_EQ(without_boilerplate(licence, frequencies, settings).text, "");
}

}  // namespace
}  // namespace capstan::corpus
