#include "corpus/path_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/job_directory.h"
#include "corpus/line_reader.h"

namespace capstan::corpus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSniffBytes = 8192;
constexpr std::array<std::string_view, 8> kTextExtensions = {
    ".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".org", ".tex"
};

struct Found {
    fs::path file;
    std::string name;  // Below the named path.
    bool is_json_lines = false;
};

std::string lower_extension(const fs::path& file) {
    std::string extension = file.extension().string();
    std::ranges::transform(extension, extension.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return extension;
}

bool is_json_lines_name(const fs::path& file) {
    const std::string extension = lower_extension(file);
    return extension == ".jsonl" || extension == ".ndjson";
}

bool is_text_name(const fs::path& file) {
    return std::ranges::find(kTextExtensions, lower_extension(file)) != kTextExtensions.end();
}

class FolderWalk {
public:
    FolderWalk(const PathSettings& settings, DropLog& dropped) : settings_(settings), dropped_(dropped) {}

    Result<std::vector<Found>> run() {
        if (auto walked = walk(settings_.path, 0); !walked) {
            return walked.error();
        }
        return std::move(found_);
    }

private:
    const PathSettings& settings_;
    DropLog& dropped_;
    std::vector<Found> found_;

    void drop(std::string_view reason, const fs::path& path, std::string detail = {}) {
        dropped_.add({.reason = reason, .id = path.native(), .detail = std::move(detail)});
    }

    Result<void> walk(const fs::path& folder, int depth) {
        if (depth > settings_.depth_max) {
            drop("too_deep", folder, "at most " + std::to_string(settings_.depth_max) + " folders");
            return {};
        }
        std::error_code error;
        std::vector<fs::directory_entry> entries;
        for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
            entries.push_back(*it);
        }
        if (error) {
            drop("unreadable", folder, error.message());
        }
        std::ranges::sort(entries, {}, [](const auto& entry) { return entry.path().native(); });
        for (const auto& entry : entries) {
            if (auto considered = consider(entry, depth); !considered) {
                return considered;
            }
        }
        return {};
    }

    Result<void> consider(const fs::directory_entry& entry, int depth) {
        const fs::path& path = entry.path();
        std::error_code error;
        if (path.filename().native().starts_with('.')) {
            drop("hidden", path);
        } else if (entry.is_symlink(error)) {
            drop("link", path);
        } else if (entry.is_directory(error)) {
            return walk(path, depth + 1);
        } else if (!entry.is_regular_file(error)) {
            drop("not_a_regular_file", path);
        } else if (const bool is_lines = is_json_lines_name(path); is_lines || is_text_name(path)) {
            if (found_.size() == settings_.files_max) {
                return Error{
                    ErrorCode::kTooLarge,
                    settings_.path.string() + " has more than " + std::to_string(settings_.files_max) +
                        " files; join them into JSON lines"
                };
            }
            found_.push_back({path, path.lexically_relative(settings_.path).generic_string(), is_lines});
        } else {
            drop("not_a_text_name", path);
        }
        return {};
    }
};

class FileReader {
public:
    FileReader(const PathSettings& settings, DropLog& dropped, const ItemSink& sink)
        : settings_(settings), dropped_(dropped), sink_(sink) {}

    Result<void> read(const Found& found) {
        return found.is_json_lines ? read_json_lines(found) : read_text(found);
    }

private:
    const PathSettings& settings_;
    DropLog& dropped_;
    const ItemSink& sink_;

    void drop(std::string_view reason, const Found& found, std::string detail, std::uint64_t bytes = 0) {
        dropped_.add(
            {.reason = reason, .bytes = bytes, .id = found.file.native(), .detail = std::move(detail)}
        );
    }

    Result<void> read_text(const Found& found) {
        if (const auto regular = open_regular_file(found.file); !regular) {
            drop("unreadable", found, regular.error().message);
            return {};
        }
        auto text = read_file(found.file, settings_.text_file_bytes_max);
        if (!text) {
            const bool is_large = text.error().code == ErrorCode::kTooLarge;
            drop(is_large ? "file_too_large" : "unreadable", found, text.error().message);
            return {};
        }
        if (text->find_first_not_of(" \t\r\n") == std::string::npos) {
            drop("empty", found, {}, text->size());
            return {};
        }
        if (looks_binary(*text)) {
            drop("binary", found, {}, text->size());
            return {};
        }
        return sink_(Record{
            .id = found.name,
            .text = *std::move(text),
            .source = Json::object({{"kind", "file"}, {"path", found.name}}),
            .meta = Json::object(),
        });
    }

    Result<void> read_json_lines(const Found& found) {
        auto lines = LineReader::open(found.file, settings_.line_bytes_max);
        if (!lines) {
            drop("unreadable", found, lines.error().message);
            return {};
        }
        std::uint64_t count = 0;
        while (true) {
            const auto line = lines->next();
            if (!line) {
                drop("unreadable", found, line.error().message);
                return {};
            }
            if (!*line) {
                break;
            }
            count += 1;
            if (auto read = read_line(found, **line); !read) {
                return read;
            }
        }
        if (count == 0) {
            drop("empty", found, {});
        }
        return {};
    }

    Result<void> read_line(const Found& found, const LineReader::Line& line) {
        const std::string where = "line " + std::to_string(line.number);
        if (line.is_too_long) {
            const auto limit = std::to_string(settings_.line_bytes_max);
            drop("line_too_long", found, where + " has over " + limit + " bytes", line.bytes);
            return {};
        }
        if (line.text.find_first_not_of(" \t") == std::string_view::npos) {
            return {};
        }
        const auto json = parse_json(line.text);
        if (!json || !json->is_object()) {
            drop("not_json", found, where + ": " + (json ? "no object" : json.error().message), line.bytes);
            return {};
        }
        auto item = item_from(*json);
        if (!item) {
            drop("not_a_record", found, where + ": " + item.error().message, line.bytes);
            return {};
        }
        std::visit([&](auto& value) { name(value, found, line.number); }, *item);
        return sink_(*std::move(item));
    }

    static Result<Item> item_from(const Json& json) {
        if (json.contains("question")) {
            auto pair = pair_from(json);
            return pair ? Result<Item>(*std::move(pair)) : pair.error();
        }
        auto record = record_from(json);
        return record ? Result<Item>(*std::move(record)) : record.error();
    }

    static std::string id_of_line(const Found& found, std::uint64_t number) {
        return found.name + ":" + std::to_string(number);
    }

    static void name(Record& record, const Found& found, std::uint64_t number) {
        record.id = record.id.empty() ? id_of_line(found, number) : record.id;
        if (!record.source.contains("kind")) {
            record.source.set("kind", "jsonl");
            record.source.set("path", found.name);
        }
    }

    static void name(Pair& pair, const Found& found, std::uint64_t number) {
        pair.id = pair.id.empty() ? id_of_line(found, number) : pair.id;
    }
};

}  // namespace

bool looks_binary(std::string_view text) {
    text = text.substr(0, kSniffBytes);
    std::size_t controls = 0;
    for (const char c : text) {
        if (c == '\0') {
            return true;
        }
        const auto byte = static_cast<unsigned char>(c);
        controls += byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\b' &&
                            byte != '\f' && byte != 0x1B
                        ? 1U
                        : 0U;
    }
    return controls * 10 > text.size();
}

Result<void> read_path(const PathSettings& settings, DropLog& dropped, const ItemSink& sink) {
    std::error_code error;
    const auto status = fs::status(settings.path, error);
    if (!fs::exists(status)) {
        return Error{ErrorCode::kNotFound, "there is no file or folder " + settings.path.string()};
    }
    std::vector<Found> files;
    if (fs::is_directory(status)) {
        auto walked = FolderWalk(settings, dropped).run();
        if (!walked) {
            return walked.error();
        }
        files = *std::move(walked);
    } else {
        const fs::path real = fs::canonical(settings.path, error);
        files.push_back(
            {error ? settings.path : real,
             settings.path.filename().string(),
             is_json_lines_name(settings.path)}
        );
    }
    FileReader reader(settings, dropped, sink);
    for (const auto& file : files) {
        if (stop_requested()) {
            return Error{ErrorCode::kCancelled, "stopped on request while reading " + file.file.string()};
        }
        if (auto read = reader.read(file); !read) {
            return read;
        }
    }
    return {};
}

}  // namespace capstan::corpus
