#include "corpus/boilerplate.h"

#include <algorithm>

#include "base/hash.h"

namespace capstan::corpus {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(kBlank);
    return begin == std::string_view::npos ? std::string_view()
                                           : line.substr(begin, line.find_last_not_of(kBlank) + 1 - begin);
}

bool has_words(std::string_view line, std::size_t words_min) {
    std::size_t words = 0;
    char before = ' ';
    for (const char c : line) {
        words += c != ' ' && before == ' ' ? 1U : 0U;
        before = c;
    }
    return words >= words_min;
}

template <typename Visit>  // visit(line with its end, line without spaces around)
void for_each_line(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
        text.remove_prefix(line.size());
        visit(line, trimmed(line.ends_with('\n') ? line.substr(0, line.size() - 1) : line));
    }
}

}  // namespace

std::vector<std::uint64_t> line_hashes(std::string_view text, const BoilerplateSettings& settings) {
    std::vector<std::uint64_t> hashes;
    for_each_line(text, [&](std::string_view, std::string_view line) {
        if (has_words(line, settings.words_min)) {
            hashes.push_back(xxh3_64(line));
        }
    });
    std::ranges::sort(hashes);
    hashes.erase(std::ranges::unique(hashes).begin(), hashes.end());
    return hashes;
}

void LineFrequencies::add(const std::vector<std::uint64_t>& hashes) {
    documents_ += 1;
    for (const auto line : hashes) {
        if (const auto found = documents_of_.find(line); found != documents_of_.end()) {
            found->second += 1;
        } else if (!is_full()) {
            documents_of_.emplace(line, 1);
        }
    }
}

bool LineFrequencies::is_boilerplate(std::uint64_t line) const {
    const auto found = documents_of_.find(line);
    return found != documents_of_.end() && found->second >= settings_.documents_min &&
           found->second >= settings_.document_fraction_min * static_cast<double>(documents_);
}

Cleared without_boilerplate(
    std::string_view text, const LineFrequencies& frequencies, const BoilerplateSettings& settings
) {
    Cleared cleared;
    cleared.text.reserve(text.size());
    bool was_blank = true;  // So that no text begins with a blank line.
    for_each_line(text, [&](std::string_view whole, std::string_view line) {
        if (has_words(line, settings.words_min) && frequencies.is_boilerplate(xxh3_64(line))) {
            cleared.lines += 1;
            cleared.bytes += whole.size();
            return;
        }
        if (!(line.empty() && was_blank)) {
            cleared.text += whole;
        }
        was_blank = line.empty();
    });
    const std::size_t end = cleared.text.find_last_not_of(" \t\n");
    cleared.text.resize(end == std::string::npos ? 0 : end + 1);
    if (!cleared.text.empty()) {
        cleared.text += '\n';
    }
    return cleared;
}

}  // namespace capstan::corpus
