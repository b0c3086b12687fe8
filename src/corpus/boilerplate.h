#pragma once

// Lines that stand in many documents: licences, "report bugs to", generated headers. They are found by
// counting in how many documents each line stands, so that no list of phrases has to be kept.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace capstan::corpus {

struct BoilerplateSettings {
    double document_fraction_min = 0.02;  // A line in this share of all documents is boilerplate,
    std::uint64_t documents_min = 20;     // when that is at least so many,
    std::size_t words_min = 5;            // and when it has so many words: short lines are headings or code.
    std::size_t lines_max = std::size_t{16} << 20;  // Different lines to remember; later ones are kept.
};

// The lines that may count, as hashes, each once.
std::vector<std::uint64_t> line_hashes(std::string_view text, const BoilerplateSettings& settings);

class LineFrequencies {
public:
    explicit LineFrequencies(const BoilerplateSettings& settings) : settings_(settings) {}

    // What line_hashes() gave for one document.
    void add(const std::vector<std::uint64_t>& hashes);

    bool is_boilerplate(std::uint64_t line) const;

    bool is_full() const { return documents_of_.size() >= settings_.lines_max; }

private:
    BoilerplateSettings settings_;
    std::uint64_t documents_ = 0;
    std::unordered_map<std::uint64_t, std::uint32_t> documents_of_;
};

struct Cleared {
    std::string text;
    std::uint64_t lines = 0;  // Taken out.
    std::uint64_t bytes = 0;  // Of those.
};

// Thread-safe while nothing is added to `frequencies`.
Cleared without_boilerplate(
    std::string_view text, const LineFrequencies& frequencies, const BoilerplateSettings& settings
);

}  // namespace capstan::corpus
