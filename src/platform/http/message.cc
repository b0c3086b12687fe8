#include "platform/http/message.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/id.h"

namespace capstan::http {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* Headers::find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(fields_, [&](const Field& field) { return same_name(field.first, name); });
    return found == fields_.end() ? nullptr : &found->second;
}

std::string_view Headers::get(std::string_view name) const {
    const std::string* value = find(name);
    return value ? std::string_view(*value) : std::string_view();
}

std::size_t Headers::count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count_if(fields_, [&](const Field& field) {
        return same_name(field.first, name);
    }));
}

void Headers::add(std::string_view name, std::string_view value) {
    fields_.emplace_back(name, value);
}

void Headers::set(std::string_view name, std::string_view value) {
    remove(name);
    add(name, value);
}

void Headers::remove(std::string_view name) {
    std::erase_if(fields_, [&](const Field& field) { return same_name(field.first, name); });
}

Result<std::shared_ptr<SpooledFile>> SpooledFile::create(const std::filesystem::path& folder) {
    const Result<void> made = create_folders(folder);
    if (!made) {
        return made.error();
    }
    std::filesystem::path path = folder / ("upload-" + new_id());
    Result<FileDescriptor> fd = open_file(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC);
    if (!fd) {
        return fd.error();
    }
    return std::shared_ptr<SpooledFile>(new SpooledFile(std::move(path), fd->release()));
}

SpooledFile::~SpooledFile() {
    ::close(fd_);
    if (!is_moved_) {
        ::unlink(path_.c_str());
    }
}

Result<void> SpooledFile::append(std::string_view bytes) {
    const Result<void> written = write_all(fd_, bytes, path_);
    if (written) {
        bytes_ += bytes.size();
    }
    return written;
}

Result<void> SpooledFile::move_to(const std::filesystem::path& destination) {
    std::error_code failure;
    std::filesystem::rename(path_, destination, failure);
    if (failure) {
        return Error{
            ErrorCode::kUnavailable,
            "cannot move " + path_.string() + " to " + destination.string() + ": " + failure.message()
        };
    }
    path_ = destination;
    is_moved_ = true;
    return {};
}

const std::string& Request::param(std::string_view name) const {
    const auto found =
        std::ranges::find_if(path_params, [&](const auto& parameter) { return parameter.first == name; });
    CHECK(found != path_params.end(), "the route's pattern has no such name");
    return found->second;
}

}  // namespace capstan::http
