#include "engine/client/sample_text.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"

namespace capstan::engine {
namespace {

constexpr std::uint64_t kTextBytesMax = 100'000'000;
constexpr int kDepthMax = 16;

}  // namespace

Result<std::string> join_documents(std::string_view json_lines) {
    std::string text;
    for (std::int64_t number = 1; !json_lines.empty(); ++number) {
        const std::string_view line = json_lines.substr(0, json_lines.find('\n'));
        json_lines.remove_prefix(std::min(line.size() + 1, json_lines.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        const auto json = parse_json(line, kDepthMax);
        if (!json) {
            return with_context(fmt::format("line {}", number), json.error());
        }
        const std::string* document = (*json)["text"].as_string();
        if (document == nullptr) {
            return Error{
                ErrorCode::kInvalid, fmt::format("line {} must be an object with a string 'text'", number)
            };
        }
        text += text.empty() ? "" : "\n\n";
        text += *document;
    }
    return text;
}

Result<std::string> read_sample_text(const std::filesystem::path& path) {
    auto content = read_file(path, kTextBytesMax);
    if (!content || path.extension() != ".jsonl") {
        return content;
    }
    auto text = join_documents(*content);
    return text ? text : with_context(fmt::format("'{}'", path.string()), text.error());
}

}  // namespace capstan::engine
