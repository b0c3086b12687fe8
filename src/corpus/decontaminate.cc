#include "corpus/decontaminate.h"

#include <algorithm>

#include "corpus/words.h"

namespace capstan::corpus {
namespace {

constexpr std::size_t kDocumentsPerNGramMax = 16;

}  // namespace

std::vector<std::uint64_t> ContaminationIndex::ngrams_in(std::string_view text) const {
    const std::string simplified = simplify(text);
    auto ngrams = shingle_hashes(split_words(simplified), settings_.ngram_words);
    std::ranges::sort(ngrams);
    ngrams.erase(std::ranges::unique(ngrams).begin(), ngrams.end());
    return ngrams;
}

void ContaminationIndex::add(const std::vector<std::uint64_t>& ngrams) {
    const auto document = static_cast<std::uint32_t>(ngrams_of_.size());
    ngrams_of_.push_back(static_cast<std::uint32_t>(ngrams.size()));
    for (const auto ngram : ngrams) {
        auto& documents = documents_of_[ngram];
        if (documents.size() < kDocumentsPerNGramMax) {
            documents.push_back(document);
        }
    }
}

ContaminationIndex::Overlap ContaminationIndex::overlap_with(std::string_view text) const {
    const auto ngrams = ngrams_in(text);
    Overlap overlap;
    std::unordered_map<std::uint32_t, std::uint32_t> shared_with;
    for (const auto ngram : ngrams) {
        const auto found = documents_of_.find(ngram);
        if (found == documents_of_.end()) {
            continue;
        }
        overlap.ngrams.push_back(ngram);
        for (const auto document : found->second) {
            shared_with[document] += 1;
        }
    }
    if (overlap.ngrams.empty()) {
        return overlap;
    }
    const double of_own = static_cast<double>(overlap.ngrams.size()) / static_cast<double>(ngrams.size());
    double best = -1.0;
    for (const auto& [document, shared] : shared_with) {
        const double of_heldout = static_cast<double>(shared) / ngrams_of_[document];
        if (of_heldout > best || (of_heldout == best && document < overlap.document)) {
            best = of_heldout;
            overlap.document = document;
        }
    }
    overlap.share = std::max(of_own, best);
    return overlap;
}

bool ContaminationIndex::is_contaminated(const Overlap& overlap) const {
    return !overlap.ngrams.empty() && overlap.share > settings_.overlap_max;
}

}  // namespace capstan::corpus
