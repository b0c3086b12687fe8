#pragma once

// The parts of a rendered manual page: its frame (header and footer line) and its sections, each a heading at
// the left margin with indented text below.

#include <string>
#include <string_view>
#include <vector>

namespace capstan::corpus {

struct ManSection {
    std::string_view heading;  // Without spaces around; empty for text before the first heading.
    std::string_view whole;    // Heading line and body, with line ends.
    std::string_view body;
};

// Without the first and the last line that is not blank.
std::string_view without_man_frame(std::string_view text);

// In their order; together they are all of `text`. They refer to it.
std::vector<ManSection> man_sections(std::string_view text);

// Without the sections whose headings are in `headings` (compared without case).
std::string without_sections(std::string_view text, const std::vector<std::string>& headings);

// The body of the first section so called (compared without case), or empty.
std::string_view man_section_body(std::string_view text, std::string_view heading);

struct ManName {
    std::vector<std::string> names;  // "ls", or several
    std::string description;         // "list directory contents"
};

// From the NAME section ("ls - list directory contents"). Nothing found: no names.
ManName man_name(std::string_view text);

// Runs of white space as one space, none at the ends.
std::string join_white_space(std::string_view text);

}  // namespace capstan::corpus
