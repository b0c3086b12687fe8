#include "corpus/man_sections.h"

#include <algorithm>
#include <array>

namespace capstan::corpus {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view first_line(std::string_view text) {
    return text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(kBlank);
    return begin == std::string_view::npos ? std::string_view()
                                           : text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_without_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_heading(std::string_view line) {
    return !line.empty() && kBlank.find(line.front()) == std::string_view::npos;
}

}  // namespace

std::string_view without_man_frame(std::string_view text) {
    const std::size_t header = text.find_first_not_of("\r\n");
    if (header == std::string_view::npos) {
        return {};
    }
    text.remove_prefix(std::min(text.find('\n', header), text.size()));
    const std::size_t footer = text.find_last_not_of(kBlank);
    if (footer == std::string_view::npos) {
        return {};
    }
    return text.substr(0, text.find_last_of('\n', footer) + 1);
}

std::vector<ManSection> man_sections(std::string_view text) {
    std::vector<ManSection> sections;
    std::size_t begin = 0;
    std::size_t at = 0;
    const auto close = [&](std::size_t end) {
        if (end == begin) {
            return;
        }
        const std::string_view whole = text.substr(begin, end - begin);
        const std::string_view line = first_line(whole);
        sections.push_back(
            is_heading(line) ? ManSection{trimmed(line), whole, whole.substr(line.size())}
                             : ManSection{{}, whole, whole}
        );
        begin = end;
    };
    while (at < text.size()) {
        const std::string_view line = first_line(text.substr(at));
        if (is_heading(line)) {
            close(at);
        }
        at += line.size();
    }
    close(text.size());
    return sections;
}

std::string without_sections(std::string_view text, const std::vector<std::string>& headings) {
    std::string kept;
    kept.reserve(text.size());
    for (const auto& section : man_sections(text)) {
        const bool is_named = std::ranges::any_of(headings, [&section](const auto& heading) {
            return equal_without_case(section.heading, heading);
        });
        if (!is_named) {
            kept += section.whole;
        }
    }
    return kept;
}

std::string_view man_section_body(std::string_view text, std::string_view heading) {
    for (const auto& section : man_sections(text)) {
        if (equal_without_case(section.heading, heading)) {
            return section.body;
        }
    }
    return {};
}

ManName man_name(std::string_view text) {
    // Some pages describe several names in several paragraphs; the first one names the page.
    std::string_view body = man_section_body(text, "NAME");
    body.remove_prefix(std::min(body.find_first_not_of(kBlank), body.size()));
    body = body.substr(0, body.find("\n\n"));
    const std::string line = join_white_space(body);
    constexpr std::array<std::string_view, 4> kDashes = {" - ", " – ", " — ", " -- "};
    std::size_t at = std::string::npos;
    std::string_view dash;
    for (const auto candidate : kDashes) {
        if (const std::size_t found = line.find(candidate); found < at) {
            at = found;
            dash = candidate;
        }
    }
    ManName result;
    if (at == std::string::npos) {
        return result;
    }
    result.description = line.substr(at + dash.size());
    std::string_view names = std::string_view(line).substr(0, at);
    while (!names.empty()) {
        const std::string_view name = names.substr(0, names.find(','));
        names.remove_prefix(std::min(name.size() + 1, names.size()));
        if (const auto clean = trimmed(name); !clean.empty()) {
            result.names.emplace_back(clean);
        }
    }
    return result;
}

std::string join_white_space(std::string_view text) {
    std::string joined;
    while (!text.empty()) {
        text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
        const std::string_view word = text.substr(0, text.find_first_of(kBlank));
        if (!joined.empty() && !word.empty()) {
            joined += ' ';
        }
        joined += word;
        text.remove_prefix(word.size());
    }
    return joined;
}

}  // namespace capstan::corpus
