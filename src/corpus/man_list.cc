#include "corpus/man_list.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <unordered_map>

#include "base/file.h"
#include "base/hash.h"

namespace capstan::corpus {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kListBytesMax = std::uint64_t{256} << 20;

using Owners = std::unordered_map<std::string, std::string>;  // path -> package

std::vector<fs::path> default_roots() {
    std::vector<fs::path> roots;
    for (int section = 1; section <= 8; ++section) {
        roots.emplace_back("/usr/share/man/man" + std::to_string(section));
    }
    return roots;
}

// The folder's entries in the order of their names: folders list in any order.
std::vector<fs::directory_entry> sorted_entries(const fs::path& folder) {
    std::vector<fs::directory_entry> entries;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        entries.push_back(*it);
    }
    std::ranges::sort(entries, {}, [](const auto& entry) { return entry.path().native(); });
    return entries;
}

// The lines of a package's list that are pages under one of `roots` (which end in '/').
std::vector<std::string> pages_in(std::string_view list, const std::vector<std::string>& roots) {
    std::vector<std::string> pages;
    while (!list.empty()) {
        const std::string_view line = list.substr(0, list.find('\n'));
        list.remove_prefix(std::min(line.size() + 1, list.size()));
        const bool is_page = std::ranges::any_of(roots, [line](const auto& root) {
            return line.size() > root.size() && line.starts_with(root);
        });
        if (is_page) {
            pages.emplace_back(line);
        }
    }
    return pages;
}

// Nothing when there is no package database.
std::optional<Owners> read_owners(
    const ManListSettings& settings, const std::vector<fs::path>& roots, DropLog& dropped
) {
    std::vector<std::string> prefixes;
    for (const auto& root : roots) {
        prefixes.push_back(root.string() + "/");
    }
    std::optional<Owners> owners;
    for (const auto& entry : sorted_entries(settings.package_lists)) {
        if (entry.path().extension() != ".list") {
            continue;
        }
        const auto list = read_file(entry.path(), kListBytesMax);
        if (!list) {
            continue;
        }
        owners = owners ? std::move(owners) : Owners{};
        const auto pages = pages_in(*list, prefixes);
        const std::string package = entry.path().stem().string();
        const bool is_over = pages.size() > settings.pages_per_package_max;
        if (is_over) {
            dropped.add(
                {.reason = "package_over_page_limit",
                 .id = package,
                 .detail = std::to_string(pages.size()) + " pages; at most " +
                           std::to_string(settings.pages_per_package_max)},
                pages.size()
            );
        }
        for (const auto& page : pages) {
            owners->emplace(page, is_over ? std::string() : package);
        }
    }
    return owners;
}

class PageCollector {
public:
    PageCollector(std::optional<Owners> owners, DropLog& dropped)
        : owners_(std::move(owners)), dropped_(dropped) {}

    void consider(const fs::directory_entry& entry) {
        const std::string path = entry.path().string();
        std::error_code error;
        if (entry.is_symlink(error)) {
            return dropped_.add({.reason = "another_name_of_a_page", .id = path, .detail = {}});
        }
        ManPage page = man_page_named(entry.path());
        if (!entry.is_regular_file(error) || page.name.empty()) {
            return dropped_.add({.reason = "not_a_page", .id = path, .detail = {}});
        }
        if (owners_) {
            const auto owner = owners_->find(path);
            if (owner == owners_->end()) {
                return dropped_.add({.reason = "in_no_package", .id = path, .detail = {}});
            }
            if (owner->second.empty()) {
                return;  // Counted with its package.
            }
            page.package = owner->second;
        }
        pages_.push_back(std::move(page));
    }

    std::vector<ManPage> finish() {
        std::ranges::sort(pages_, {}, [](const ManPage& page) { return std::pair(page.id(), page.path); });
        const auto repeated = std::ranges::unique(pages_, {}, &ManPage::id);
        for (const auto& page : repeated) {
            dropped_.add({.reason = "repeated_id", .id = page.path.native(), .detail = {}});
        }
        pages_.erase(repeated.begin(), repeated.end());
        return std::move(pages_);
    }

private:
    std::optional<Owners> owners_;
    DropLog& dropped_;
    std::vector<ManPage> pages_;
};

// Keeps the ids' order.
void sample(std::vector<ManPage>& pages, std::size_t pages_max, std::uint64_t seed) {
    // Not the hash of the id alone: the split uses that, and pages of low hash are all held out.
    const auto hash = [seed](const ManPage& page) { return xxh64("sample of pages\n" + page.id(), seed); };
    std::ranges::sort(pages, {}, hash);
    pages.resize(pages_max);
    std::ranges::sort(pages, {}, &ManPage::id);
}

}  // namespace

ManPage man_page_named(const std::filesystem::path& path) {
    fs::path file = path.filename();
    if (file.extension() == ".gz") {
        file = file.stem();
    }
    std::string section = file.extension().string();
    if (section.size() < 2 || section[1] < '1' || section[1] > '8') {
        return {};
    }
    return {.path = path, .name = file.stem().string(), .section = section.substr(1), .package = {}};
}

Result<std::vector<ManPage>> list_man_pages(const ManListSettings& settings, DropLog& dropped) {
    const auto roots = settings.roots.empty() ? default_roots() : settings.roots;
    std::error_code error;
    if (std::ranges::none_of(roots, [&error](const auto& root) { return fs::is_directory(root, error); })) {
        return Error{
            ErrorCode::kNotFound,
            "no manual pages: " + roots.front().string() +
                " and its like do not exist; install the packages manpages and man-db, or name another source"
        };
    }
    PageCollector collector(read_owners(settings, roots, dropped), dropped);
    for (const auto& root : roots) {
        for (const auto& entry : sorted_entries(root)) {
            collector.consider(entry);
        }
    }
    auto pages = collector.finish();
    if (settings.pages_max != 0 && settings.pages_max < pages.size()) {
        sample(pages, settings.pages_max, settings.seed);
    }
    return pages;
}

}  // namespace capstan::corpus
