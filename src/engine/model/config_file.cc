#include "engine/model/config_file.h"

#include <fmt/format.h>

#include "base/file.h"
#include "engine/files/checkpoint.h"
#include "engine/files/gguf_config.h"

namespace capstan::engine {
namespace {

constexpr std::uint64_t kFileBytesMax = 4'000'000;
constexpr int kDepthMax = 32;

Result<Json> read_gguf_config(const std::filesystem::path& path) {
    const auto file = GgufFile::open(path);
    if (!file) {
        return file.error();
    }
    auto json = config_json_of(*file);
    return json ? json : with_context(fmt::format("GGUF file '{}'", path.string()), json.error());
}

}  // namespace

Result<Json> read_json_file(const std::filesystem::path& path) {
    const auto text = read_file(path, kFileBytesMax);
    if (!text) {
        return text.error();
    }
    auto json = parse_json(*text, kDepthMax);
    if (!json) {
        return with_context(fmt::format("'{}'", path.string()), json.error());
    }
    return json;
}

Result<Json> read_config_json(const std::filesystem::path& path) {
    if (const auto gguf = find_gguf(path)) {
        return read_gguf_config(*gguf);
    }
    return read_json_file(path / "config.json");
}

}  // namespace capstan::engine
