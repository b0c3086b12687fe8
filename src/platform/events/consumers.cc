#include "platform/events/consumers.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/file.h"

namespace capstan::events {
namespace {

std::optional<std::int64_t> offset_from(std::string_view text) {
    std::int64_t offset = -1;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), offset);
    const bool is_whole = problem == std::errc() && std::string_view(end, text.data() + text.size()) == "\n";
    return is_whole && offset >= 0 ? std::optional(offset) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Consumers>> Consumers::open(const std::filesystem::path& folder) {
    std::unique_ptr<Consumers> consumers(new Consumers(folder));
    if (Result<void> made = create_folders(folder); !made) {
        return made.error();
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with('.')) {
            std::filesystem::remove(entry.path());  // What a replacement that was killed has left.
            continue;
        }
        const Result<std::string> text = read_file(entry.path(), 64);
        const auto offset = text ? offset_from(*text) : std::nullopt;
        if (!offset) {
            return Error{
                ErrorCode::kUnavailable,
                fmt::format(
                    "{} is damaged: write into it the offset to read next, or remove it to read all again",
                    entry.path().string()
                )
            };
        }
        consumers->offsets_.emplace(name, *offset);
    }
    return consumers;
}

std::optional<std::int64_t> Consumers::find(std::string_view name) const {
    const std::scoped_lock lock(mutex_);
    const auto known = offsets_.find(name);
    return known == offsets_.end() ? std::nullopt : std::optional(known->second);
}

Result<void> Consumers::set(std::string_view name, std::int64_t next_offset) {
    const std::scoped_lock lock(write_mutex_);
    return write(name, next_offset);
}

Result<void> Consumers::advance(std::string_view name, std::int64_t next_offset) {
    const std::scoped_lock lock(write_mutex_);
    if (find(name).value_or(-1) >= next_offset) {
        return {};
    }
    return write(name, next_offset);
}

Result<void> Consumers::write(std::string_view name, std::int64_t next_offset) {
    {
        const std::scoped_lock lock(mutex_);
        if (!offsets_.contains(name) && offsets_.size() >= kConsumersMax) {
            return Error{
                ErrorCode::kExhausted, fmt::format("a topic may have {} consumers at most", kConsumersMax)
            };
        }
    }
    if (Result<void> replaced = replace_file(folder_ / name, fmt::format("{}\n", next_offset)); !replaced) {
        return replaced;
    }
    const std::scoped_lock lock(mutex_);
    offsets_.insert_or_assign(std::string(name), next_offset);
    return {};
}

Result<void> Consumers::forget(std::string_view name) {
    const std::scoped_lock writing(write_mutex_);
    {
        const std::scoped_lock lock(mutex_);
        const auto known = offsets_.find(name);
        if (known == offsets_.end()) {
            return Error{ErrorCode::kNotFound, fmt::format("no consumer {}", name)};
        }
        offsets_.erase(known);
    }
    std::error_code problem;
    std::filesystem::remove(folder_ / name, problem);
    return sync_folder(folder_);
}

std::vector<std::pair<std::string, std::int64_t>> Consumers::all() const {
    const std::scoped_lock lock(mutex_);
    return {offsets_.begin(), offsets_.end()};
}

std::optional<std::int64_t> Consumers::slowest() const {
    const std::scoped_lock lock(mutex_);
    const auto slowest = std::ranges::min_element(offsets_, {}, [](const auto& one) { return one.second; });
    return slowest == offsets_.end() ? std::nullopt : std::optional(slowest->second);
}

}  // namespace capstan::events
