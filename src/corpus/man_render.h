#pragma once

// Manual pages as plain text, by mandoc(1).
//
// The pages are unpacked here and not by mandoc: its 1.14.6 unpacks only the first file of a command line.

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "corpus/child_process.h"
#include "corpus/drop_log.h"
#include "corpus/man_list.h"

namespace capstan::corpus {

struct ManRenderSettings {
    std::filesystem::path folder;  // For unpacked pages; emptied and removed at the end.
    std::size_t threads = 2;       // Processes at once.
    std::size_t pages_per_process = 64;
    std::size_t page_bytes_max = std::size_t{8} << 20;  // Of source, unpacked.
    ChildLimits limits;                                 // Of each process.
};

struct RenderedPage {
    const ManPage* page;
    std::string text;  // Header and footer lines included, overstrike removed.
};

// Gives each page that could be rendered, in the order of `pages`, to `sink`; a sink's error ends it. Pages
// that could not are in `dropped` with the reason. kNotFound when mandoc is not installed, kCancelled after
// stop_requested().
Result<void> render_man_pages(
    std::span<const ManPage> pages,
    const ManRenderSettings& settings,
    DropLog& dropped,
    const std::function<Result<void>(RenderedPage)>& sink
);

// The page that `source` only points to (".so man3/printf.3"), or nothing.
std::string_view man_redirect_target(std::string_view source);

// Parts of mandoc's output for several files, which it separates by a line of `width` dashes.
std::vector<std::string_view> split_rendered(std::string_view output, std::size_t width);

}  // namespace capstan::corpus
