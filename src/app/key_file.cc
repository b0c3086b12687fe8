#include "app/key_file.h"

#include "base/file.h"

namespace capstan::app {
namespace {

constexpr std::uint64_t kKeyBytesMax = 1024;

}  // namespace

std::string read_key_file(const std::filesystem::path& home) {
    const auto text = read_file(home / "admin.key", kKeyBytesMax);
    return text ? text->substr(0, text->find('\n')) : std::string();
}

Result<void> write_key_file(const std::filesystem::path& home, std::string_view key) {
    return replace_file(home / "admin.key", std::string(key) + "\n", 0600);
}

}  // namespace capstan::app
