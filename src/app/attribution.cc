#include "app/attribution.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

namespace capstan::app {
namespace {

constexpr std::size_t kRecordBytesRead = 4000;
constexpr std::size_t kQueryWordsMax = 200;

// Lower-case words of letters, digits and '_', each once.
std::set<std::string, std::less<>> words_of(std::string_view text) {
    std::set<std::string, std::less<>> words;
    std::string word;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!word.empty()) {
            words.insert(std::exchange(word, {}));
        }
    }
    if (!word.empty()) {
        words.insert(std::move(word));
    }
    return words;
}

std::string text_of(const Json& record) {
    const auto* text = record["text"].as_string();
    std::string whole =
        text != nullptr ? *text : record.string_or("question", "") + " " + record.string_or("answer", "");
    whole.resize(std::min(whole.size(), kRecordBytesRead));
    return whole;
}

struct Candidate {
    std::vector<std::size_t> words;  // Of the query, that the record has.
    Json record;
};

}  // namespace

Result<std::vector<ClosestRecord>> closest_records(
    data::DatasetService& datasets, const data::Manifest& manifest, std::string_view query, std::size_t count
) {
    std::map<std::string, std::size_t, std::less<>> query_words;
    for (const std::string& word : words_of(query)) {
        if (query_words.size() < kQueryWordsMax) {
            query_words.emplace(word, query_words.size());
        }
    }
    std::vector<double> frequency(query_words.size());
    std::vector<Candidate> candidates;
    double records = 0;
    const auto visited = datasets.each_record(manifest, "train", [&](const Json& record) {
        records += 1;
        Candidate candidate;
        for (const std::string& word : words_of(text_of(record))) {
            if (const auto found = query_words.find(word); found != query_words.end()) {
                frequency[found->second] += 1;
                candidate.words.push_back(found->second);
            }
        }
        if (!candidate.words.empty()) {
            candidate.record = Json::object(
                {{"id", record["id"]},
                 {"source", record["source"]},
                 {"preview", text_of(record).substr(0, 200)}}
            );
            candidates.push_back(std::move(candidate));
        }
        return true;
    });
    if (!visited) {
        return visited.error();
    }
    const auto weight = [&](std::size_t word) { return std::log((records + 1) / (frequency[word] + 0.5)); };
    double whole = 0;
    for (std::size_t word = 0; word < frequency.size(); ++word) {
        whole += weight(word);
    }
    std::vector<ClosestRecord> closest;
    for (Candidate& candidate : candidates) {
        double sum = 0;
        for (const std::size_t word : candidate.words) {
            sum += weight(word);
        }
        closest.push_back({std::move(candidate.record), whole > 0 ? sum / whole : 0});
    }
    const std::size_t kept = std::min(count, closest.size());
    const auto better = [](const ClosestRecord& a, const ClosestRecord& b) {
        return a.similarity > b.similarity;
    };
    std::ranges::partial_sort(closest, closest.begin() + static_cast<std::ptrdiff_t>(kept), better);
    closest.resize(kept);
    return closest;
}

}  // namespace capstan::app
