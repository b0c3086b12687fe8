#pragma once

// For this room's tests: folders, files and job directories that are gone afterwards.

#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "corpus/drop_log.h"

namespace capstan::corpus {

class TemporaryFolder {
public:
    TemporaryFolder() : path_(std::filesystem::path(testing::TempDir()) / ("corpus-" + new_id())) {
        EXPECT_TRUE(create_folders(path_));
    }

    ~TemporaryFolder() { EXPECT_TRUE(remove_tree(path_)); }

    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

    std::filesystem::path write(std::string_view name, std::string_view content) const {
        const auto file = path_ / name;
        EXPECT_TRUE(create_folders(file.parent_path()));
        auto fd = open_file(file, O_WRONLY | O_CREAT | O_TRUNC);  // Not synced: tests write many.
        EXPECT_TRUE(fd && write_all(fd->get(), content, file));
        return file;
    }

private:
    std::filesystem::path path_;
};

}  // namespace capstan::corpus
