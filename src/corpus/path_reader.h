#pragma once

// Reads a user's own file or folder: JSON lines and plain text. Whatever cannot be used is reported with the
// reason, by file and line, and never ends the reading.
//
//   *.jsonl *.ndjson             a record ({"text"}) or a pair ({"question","answer"}) a line; "id" is
//   optional
//   *.txt *.text *.md *.rst …    one record a file; named directly, a file with any other name is read as
//   text
//
// In folders, hidden names and links are left out. Nothing outside the named path is read.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <variant>

#include "base/result.h"
#include "corpus/drop_log.h"
#include "corpus/record.h"

namespace capstan::corpus {

struct PathSettings {
    std::filesystem::path path;
    std::size_t text_file_bytes_max = std::size_t{16} << 20;
    std::size_t line_bytes_max = std::size_t{8} << 20;
    std::size_t files_max = 200'000;
    int depth_max = 32;
};

using Item = std::variant<Record, Pair>;
using ItemSink = std::function<Result<void>(Item)>;  // An error ends the reading and is passed on.

// Items come in the order of file names and lines. Ids are the ones given in JSON lines, else made of the
// path below the named one and the line's number ("notes/a.md", "qa.jsonl:12"). Texts are as in the file: any
// bytes. kNotFound when there is nothing at the path, kTooLarge for more than `files_max` files.
Result<void> read_path(const PathSettings& settings, DropLog& dropped, const ItemSink& sink);

// Whether these bytes are no text in a one-byte-compatible encoding: a NUL, or mostly control characters.
bool looks_binary(std::string_view text);

}  // namespace capstan::corpus
