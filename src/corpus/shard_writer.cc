#include "corpus/shard_writer.h"

#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>

namespace capstan::corpus {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 10;

}  // namespace

bool belongs_to(std::string_view prefix, const Shard& shard) {
    std::string_view name = shard.name;
    if (!name.starts_with(prefix) || name.size() < prefix.size() + 2 || name[prefix.size()] != '-') {
        return false;
    }
    const char first = name[prefix.size() + 1];
    return first >= '0' && first <= '9';
}

Json to_json(const Shard& shard) {
    return Json::object(
        {{"path", shard.name}, {"sha256", shard.sha256}, {"records", shard.records}, {"bytes", shard.bytes}}
    );
}

Result<Shard> shard_from(const Json& json) {
    const auto name = json.get_string("path");
    const auto digest = json.get_string("sha256");
    const auto records = json.get_int("records");
    const auto bytes = json.get_int("bytes");
    if (!name || !digest || !records || !bytes || *records < 0 || *bytes < 0) {
        return Error{ErrorCode::kInvalid, "no description of a shard: " + json.dump().substr(0, 200)};
    }
    return Shard{*name, *digest, static_cast<std::uint64_t>(*records), static_cast<std::uint64_t>(*bytes)};
}

ShardWriter::ShardWriter(std::filesystem::path folder, std::string prefix, std::uint64_t bytes_max)
    : folder_(std::move(folder)), prefix_(std::move(prefix)), bytes_max_(bytes_max) {}

Result<void> ShardWriter::add(std::string_view line) {
    if (fd_.is_open() && current_.bytes + line.size() + 1 > bytes_max_) {
        if (auto closed = close_current(); !closed) {
            return closed;
        }
    }
    if (!fd_.is_open()) {
        if (auto opened = open_next(); !opened) {
            return opened;
        }
    }
    buffer_ += line;
    buffer_ += '\n';
    current_.records += 1;
    current_.bytes += line.size() + 1;
    return buffer_.size() >= kBufferBytes ? flush() : Result<void>();
}

Result<std::vector<Shard>> ShardWriter::finish() {
    if (fd_.is_open()) {
        if (auto closed = close_current(); !closed) {
            return closed.error();
        }
    }
    if (auto synced = sync_folder(folder_); !synced) {
        return synced.error();
    }
    return std::move(shards_);
}

Result<void> ShardWriter::open_next() {
    current_ = {.name = fmt::format("{}-{:05}.jsonl", prefix_, shards_.size()), .sha256 = {}};
    hash_ = Sha256();
    temporary_ = folder_ / (current_.name + ".part");
    auto fd = open_file(temporary_, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!fd) {
        return fd.error();
    }
    fd_ = *std::move(fd);
    return {};
}

Result<void> ShardWriter::flush() {
    hash_.update(buffer_);
    auto written = write_all(fd_.get(), buffer_, temporary_);
    buffer_.clear();
    return written;
}

Result<void> ShardWriter::close_current() {
    if (auto flushed = flush(); !flushed) {
        return flushed;
    }
    if (auto synced = sync_file(fd_.get(), temporary_); !synced) {
        return synced;
    }
    fd_.close();
    const auto digest = hash_.finish();
    current_.sha256 = to_hex(digest);
    std::error_code error;
    std::filesystem::rename(temporary_, folder_ / current_.name, error);
    if (error) {
        return Error{
            ErrorCode::kUnavailable, "cannot rename " + temporary_.string() + ": " + error.message()
        };
    }
    shards_.push_back(std::move(current_));
    return {};
}

}  // namespace capstan::corpus
