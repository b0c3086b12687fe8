#include "corpus/man_render.h"

#include <algorithm>

#include <fcntl.h>

#include "base/file.h"
#include "base/job_directory.h"
#include "corpus/gzip.h"
#include "corpus/overstrike.h"
#include "corpus/parallel.h"

namespace capstan::corpus {
namespace {

constexpr std::size_t kWidth = 80;

struct PageResult {
    std::string text;
    std::string_view reason;  // Why there is no text; empty when there is.
    std::string detail;
};

void refuse(PageResult& result, std::string_view reason, std::string detail) {
    result.text.clear();
    result.reason = reason;
    result.detail = std::move(detail);
}

class Batch {
public:
    Batch(std::span<const ManPage> pages, const ManRenderSettings& settings, std::size_t first)
        : pages_(pages), settings_(settings), first_(first), results_(pages.size()) {}

    // Not an Error: what a page suffers is in its result.
    Result<void> run() {
        std::vector<std::size_t> unpacked;
        for (std::size_t i = 0; i < pages_.size(); ++i) {
            if (auto ready = unpack(i); !ready) {
                return ready.error();
            }
            if (results_[i].reason.empty()) {
                unpacked.push_back(i);
            }
        }
        auto rendered = render(unpacked);
        for (const auto i : unpacked) {
            if (auto removed = remove_tree(file_of(i)); !removed) {
                return removed;
            }
        }
        return rendered;
    }

    std::vector<PageResult>& results() { return results_; }  // One for each page.

private:
    std::span<const ManPage> pages_;
    const ManRenderSettings& settings_;
    std::size_t first_;  // Number of the first page: names of files are unique over all batches.
    std::vector<PageResult> results_;

    std::filesystem::path file_of(std::size_t i) const {
        return settings_.folder / (std::to_string(first_ + i) + ".roff");
    }

    // An error only when our own folder cannot be written.
    Result<void> unpack(std::size_t i) {
        const auto packed = read_file(pages_[i].path, settings_.page_bytes_max);
        if (!packed) {
            refuse(results_[i], "unreadable", packed.error().message);
            return {};
        }
        const auto source = unpack_gzip(*packed, settings_.page_bytes_max);
        if (!source) {
            refuse(results_[i], "unreadable", "it " + source.error().message);
            return {};
        }
        if (const auto target = man_redirect_target(*source); !target.empty()) {
            refuse(results_[i], "another_name_of_a_page", "points to " + std::string(target));
            return {};
        }
        const auto file = file_of(i);
        auto fd = open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
        return fd ? write_all(fd->get(), *source, file) : fd.error();
    }

    // All in one process, and page by page when that does not give one part for each.
    Result<void> render(const std::vector<std::size_t>& which) {
        if (which.empty()) {
            return {};
        }
        const auto output = run_mandoc(which);
        if (!output && (stop_requested() || output.error().code == ErrorCode::kNotFound)) {
            return output.error();
        }
        const bool is_one = which.size() == 1;
        const auto parts = !output  ? std::vector<std::string_view>()
                           : is_one ? std::vector<std::string_view>{output->text}
                                    : split_rendered(output->text, kWidth);
        if (output && parts.size() == which.size() && output->exit_code < 128) {
            for (std::size_t k = 0; k < which.size(); ++k) {
                accept(which[k], parts[k]);
            }
            return {};
        }
        if (is_one) {
            refuse(
                results_[which[0]],
                "not_rendered",
                !output ? output.error().message : "mandoc ended with " + std::to_string(output->exit_code)
            );
            return {};
        }
        for (const auto i : which) {
            if (auto rendered = render({i}); !rendered) {
                return rendered;
            }
        }
        return {};
    }

    Result<ChildOutput> run_mandoc(const std::vector<std::size_t>& which) const {
        std::vector<std::string> command = {
            "mandoc", "-T", "utf8", "-O", "width=" + std::to_string(kWidth), "-I", "os=GNU/Linux"
        };
        for (const auto i : which) {
            command.push_back(file_of(i).filename().string());
        }
        return run_child(command, settings_.folder, settings_.limits);
    }

    void accept(std::size_t i, std::string_view part) {
        std::string text = strip_overstrike(part);
        if (text.find_first_not_of(" \n") == std::string::npos) {
            return refuse(results_[i], "not_rendered", "mandoc printed nothing");
        }
        results_[i].text = std::move(text);
    }
};

}  // namespace

std::string_view man_redirect_target(std::string_view source) {
    while (!source.empty()) {
        const std::string_view line = source.substr(0, source.find('\n'));
        source.remove_prefix(std::min(line.size() + 1, source.size()));
        if (line.starts_with(".so ")) {
            const std::string_view target =
                line.substr(std::min(line.find_first_not_of(' ', 3), line.size()));
            return target.substr(0, target.find_last_not_of(" \r") + 1);
        }
        const bool is_comment = line.starts_with(".\\\"") || line.starts_with("'\\\"") || line == ".";
        if (!line.empty() && !is_comment) {
            return {};
        }
    }
    return {};
}

std::vector<std::string_view> split_rendered(std::string_view output, std::size_t width) {
    const std::string separator = "\n\n" + std::string(width, '-') + "\n\n";
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    while (true) {
        const std::size_t end = output.find(separator, begin);
        parts.push_back(output.substr(begin, end - begin));
        if (end == std::string_view::npos) {
            return parts;
        }
        begin = end + separator.size();
    }
}

Result<void> render_man_pages(
    std::span<const ManPage> pages,
    const ManRenderSettings& settings,
    DropLog& dropped,
    const std::function<Result<void>(RenderedPage)>& sink
) {
    if (auto ready = create_folders(settings.folder); !ready) {
        return ready;
    }
    const std::size_t wave_pages = settings.pages_per_process * settings.threads * 2;
    for (std::size_t first = 0; first < pages.size(); first += wave_pages) {
        if (stop_requested()) {
            return Error{ErrorCode::kCancelled, "stopped on request while reading manual pages"};
        }
        const auto wave = pages.subspan(first, std::min(wave_pages, pages.size() - first));
        std::vector<Batch> batches;
        for (std::size_t at = 0; at < wave.size(); at += settings.pages_per_process) {
            const auto size = std::min(settings.pages_per_process, wave.size() - at);
            batches.emplace_back(wave.subspan(at, size), settings, first + at);
        }
        std::vector<Result<void>> outcomes(batches.size());
        parallel_for(batches.size(), settings.threads, [&](std::size_t i) {
            outcomes[i] = batches[i].run();
        });
        std::size_t page = first;
        for (std::size_t b = 0; b < batches.size(); ++b) {
            if (!outcomes[b]) {
                return outcomes[b];
            }
            for (auto& result : batches[b].results()) {
                const ManPage& source = pages[page++];
                if (!result.reason.empty()) {
                    dropped.add({.reason = result.reason, .id = source.path.native(), .detail = result.detail}
                    );
                } else if (auto sunk = sink({&source, std::move(result.text)}); !sunk) {
                    return sunk;
                }
            }
        }
    }
    return remove_tree(settings.folder);
}

}  // namespace capstan::corpus
