#pragma once

// One layer of a container image: a tar of files, the same bytes for the same files whenever and by whomever
// it is written. The room's only door to libarchive.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace capstan::serving {

struct LayerFile {
    std::string path;  // In the image, without a leading '/'.
    std::filesystem::path source;
    bool is_program = false;  // Mode 0755 in place of 0644.
};

// Files in the order of their paths, with the folders above them; owned by root, of time 0. Symbolic links
// are followed. Errors name the file.
Result<void> write_layer(const std::filesystem::path& tar, std::vector<LayerFile> files);

}  // namespace capstan::serving
