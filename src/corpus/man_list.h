#pragma once

// Which manual pages this machine has.
//
// The rule: regular files in the folders of the system's man path (sections 1 to 8), that a package of this
// distribution owns, leaving out packages which ship more than `pages_per_package_max` pages: those are
// generated trees of one vendor's command line (tens of thousands of alike pages), not manuals. Links are
// other names of pages that are listed. Where there is no package database, every regular file counts.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "corpus/drop_log.h"

namespace capstan::corpus {

struct ManPage {
    std::filesystem::path path;
    std::string name;     // "ls"
    std::string section;  // "1", "3perl"
    std::string package;  // Empty when no package is known.

    std::string id() const { return "man/" + name + "." + section; }
};

struct ManListSettings {
    std::vector<std::filesystem::path> roots;  // Empty: /usr/share/man/man1 to man8.
    std::filesystem::path package_lists = "/var/lib/dpkg/info";
    std::size_t pages_per_package_max = 4000;
    std::size_t pages_max = 0;  // 0: all; otherwise the ones whose ids hash lowest, the same every time.
    std::uint64_t seed = 1;
};

// Sorted by id; ids are unique (the earlier root wins). kNotFound when no root exists.
Result<std::vector<ManPage>> list_man_pages(const ManListSettings& settings, DropLog& dropped);

// "ls.1.gz" -> ls, 1; "CA.pl.1ssl" -> CA.pl, 1ssl. Empty names for what is no page.
ManPage man_page_named(const std::filesystem::path& path);

}  // namespace capstan::corpus
