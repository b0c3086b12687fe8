#pragma once

// The text that a calibration, or a loss, is measured on.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan::engine {

// The documents of JSON lines, each {"text": "…"} with whatever else, one behind another with an empty line
// between. kInvalid, naming the line, for anything else; empty lines are passed over.
Result<std::string> join_documents(std::string_view json_lines);

// A file that ends in .jsonl is JSON lines, any other is the text itself. kTooLarge over 100 MB.
Result<std::string> read_sample_text(const std::filesystem::path& path);

}  // namespace capstan::engine
