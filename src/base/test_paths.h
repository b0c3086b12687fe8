#pragma once

// For tests: where the checkout is, and the programs that were built. Not among the flags of each test,
// because what was compiled for one folder could then not be taken for another.

#include <filesystem>

namespace capstan {

std::filesystem::path source_directory();
std::filesystem::path program_directory();

}  // namespace capstan
