#include "base/file.h"

#include <csignal>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FileTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(create_folders(folder_)); }

    void TearDown() override { ASSERT_TRUE(remove_tree(folder_)); }

    std::size_t entries() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder_), fs::directory_iterator())
        );
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / new_id();
};

TEST_F(FileTest, ReadsBackWhatItReplaced) {
    const std::string content("line\0\xff\n", 7);
    ASSERT_TRUE(replace_file(folder_ / "a", content));
    EXPECT_EQ(*read_file(folder_ / "a"), content);
    ASSERT_TRUE(replace_file(folder_ / "a", ""));
    EXPECT_EQ(*read_file(folder_ / "a"), "");
    EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, ReplacingCreatesMissingFoldersAndSetsTheMode) {
    ASSERT_TRUE(replace_file(folder_ / "x/y/z.json", "{}", 0600));
    struct stat status{};
    ASSERT_EQ(::stat((folder_ / "x/y/z.json").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(FileTest, AFailedReplacementLeavesNothingBehind) {
    ASSERT_TRUE(create_folders(folder_ / "taken/inside"));
    const auto replaced = replace_file(folder_ / "taken", "x");
    ASSERT_FALSE(replaced);
    EXPECT_THAT(replaced.error().message, HasSubstr("taken"));
    EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, AReaderSeesTheWholeOldOrTheWholeNewContent) {
    const fs::path path = folder_ / "shared";
    const std::string a(100'000, 'a');
    const std::string b(100'000, 'b');
    ASSERT_TRUE(replace_file(path, a));
    std::jthread writer([&](const std::stop_token& stop) {
        for (bool first = true; !stop.stop_requested(); first = !first) {
            EXPECT_TRUE(replace_file(path, first ? b : a));
        }
    });
    for (int i = 0; i < 200; ++i) {
        const auto content = read_file(path);
        ASSERT_TRUE(content);
        ASSERT_TRUE(*content == a || *content == b);
    }
}

TEST_F(FileTest, AWriterThatIsKilledLeavesAWholeFile) {
    const fs::path path = folder_ / "killed";
    ASSERT_TRUE(replace_file(path, std::string(50'000, '0')));
    for (int round = 0; round < 20; ++round) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            for (char c = '1';; c = c == '9' ? '1' : static_cast<char>(c + 1)) {
                if (!replace_file(path, std::string(50'000, c))) {
                    ::_exit(1);
                }
            }
        }
        ::usleep(static_cast<unsigned>(1000 + round * 700));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const auto content = read_file(path);
        ASSERT_TRUE(content);
        ASSERT_EQ(content->size(), 50'000U);
        ASSERT_EQ(content->find_first_not_of(content->front()), std::string::npos);
    }
}

TEST_F(FileTest, ErrorsNameThePathAndTellTheKinds) {
    const auto missing = read_file(folder_ / "missing");
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(missing.error().message, HasSubstr((folder_ / "missing").string()));
    EXPECT_EQ(read_file(folder_).error().code, ErrorCode::kInvalid);
    ASSERT_TRUE(replace_file(folder_ / "big", std::string(100, 'x')));
    EXPECT_EQ(read_file(folder_ / "big", 99).error().code, ErrorCode::kTooLarge);
    EXPECT_TRUE(read_file(folder_ / "big", 100));
    EXPECT_EQ(read_file(folder_ / "big/under").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(MappedFile::open(folder_ / "missing").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(MappedFile::open(folder_).error().code, ErrorCode::kInvalid);
}

TEST_F(FileTest, AFullDiskIsExhausted) {
    auto full = open_file("/dev/full", O_WRONLY);
    ASSERT_TRUE(full);
    EXPECT_EQ(write_all(full->get(), "x", "/dev/full").error().code, ErrorCode::kExhausted);
}

TEST_F(FileTest, ReadsFilesThatSayTheyAreEmpty) {
    const auto status = read_file("/proc/self/status");
    ASSERT_TRUE(status);
    EXPECT_THAT(*status, HasSubstr("Pid:"));
    EXPECT_EQ(read_file("/proc/self/status", 10).error().code, ErrorCode::kTooLarge);
}

TEST_F(FileTest, WritesAllThroughAFullPipe) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const FileDescriptor reader(ends[0]);
    FileDescriptor writer(ends[1]);
    const std::string sent(1'000'000, 'p');
    std::string received;
    std::jthread drain([&] {
        char buffer[4096];
        ssize_t got = 0;
        while ((got = ::read(reader.get(), buffer, sizeof buffer)) > 0) {
            received.append(buffer, static_cast<std::size_t>(got));
        }
    });
    EXPECT_TRUE(write_all(writer.get(), sent, "pipe"));
    writer.close();
    drain.join();
    EXPECT_EQ(received, sent);
}

TEST_F(FileTest, MapsAFileAndAnEmptyOne) {
    ASSERT_TRUE(replace_file(folder_ / "m", "mapped"));
    ASSERT_TRUE(replace_file(folder_ / "e", ""));
    auto mapped = MappedFile::open(folder_ / "m");
    ASSERT_TRUE(mapped);
    const MappedFile moved = std::move(*mapped);
    EXPECT_EQ(moved.bytes(), "mapped");
    EXPECT_EQ(MappedFile::open(folder_ / "e")->bytes(), "");
}

TEST_F(FileTest, OnlyOneHoldsALock) {
    auto first = FileLock::acquire(folder_ / "lock");
    ASSERT_TRUE(first);
    const auto second = FileLock::acquire(folder_ / "lock");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    {
        const FileLock gone = std::move(*first);
    }
    EXPECT_TRUE(FileLock::acquire(folder_ / "lock"));
}

TEST_F(FileTest, AKilledProcessLetsGoOfItsLock) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = FileLock::acquire(folder_ / "lock");
        [[maybe_unused]] const ssize_t told = ::write(ready[1], "x", 1);
        ::pause();
        ::_exit(lock ? 0 : 1);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_FALSE(FileLock::acquire(folder_ / "lock"));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(FileLock::acquire(folder_ / "lock"));
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(FileTest, CreatesAndRemovesFolders) {
    ASSERT_TRUE(create_folders(folder_ / "a/b/c/"));
    EXPECT_TRUE(fs::is_directory(folder_ / "a/b/c"));
    ASSERT_TRUE(create_folders(folder_ / "a/b/c"));
    ASSERT_TRUE(remove_tree(folder_ / "a"));
    EXPECT_FALSE(fs::exists(folder_ / "a"));
    EXPECT_TRUE(remove_tree(folder_ / "a"));
    ASSERT_TRUE(replace_file(folder_ / "file", ""));
    EXPECT_FALSE(create_folders(folder_ / "file/x"));
}

TEST_F(FileTest, ADescriptorHasOneOwner) {
    auto opened = open_file(folder_ / "fd", O_WRONLY | O_CREAT);
    ASSERT_TRUE(opened);
    const int number = opened->get();
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
    FileDescriptor moved = std::move(*opened);
    EXPECT_FALSE(opened->is_open());
    EXPECT_EQ(moved.get(), number);
    moved = FileDescriptor();
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace capstan
