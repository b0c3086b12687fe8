#pragma once

// The key that the quickstart leaves in its home, readable by the owner alone, so that the command line works
// without one.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan::app {

std::string read_key_file(const std::filesystem::path& home);  // Empty when there is none.
Result<void> write_key_file(const std::filesystem::path& home, std::string_view key);

}  // namespace capstan::app
