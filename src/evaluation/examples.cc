#include "evaluation/examples.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"

namespace capstan::evaluation {
namespace {

Result<void> each_record(const std::filesystem::path& path, const std::function<void(const Json&)>& visit) {
    auto file = MappedFile::open(path);
    if (!file) {
        return file.error();
    }
    std::string_view rest = file->bytes();
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (end > 0) {
            const auto record = parse_json(rest.substr(0, end));
            if (!record) {
                return with_context(path.string(), record.error());
            }
            visit(*record);
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

// Keeps the items whose keys hash lowest, and of one key the least item: a sample that does not depend on
// their order.
template <typename Item>
class Draw {
public:
    Draw(std::size_t count, std::uint64_t seed) : count_(count), seed_(seed) {}

    void offer(std::string_view key, Item item) { items_.emplace_back(xxh64(key, seed_), std::move(item)); }

    std::vector<Item> take() && {
        const std::size_t kept = std::min(count_, items_.size());
        std::ranges::sort(items_);
        std::vector<Item> taken;
        for (std::size_t i = 0; i < kept; ++i) {
            taken.push_back(std::move(items_[i].second));
        }
        return taken;
    }

private:
    std::size_t count_;
    std::uint64_t seed_;
    std::vector<std::pair<std::uint64_t, Item>> items_;
};

}  // namespace

Result<std::vector<std::string>> draw_texts(
    const std::vector<std::filesystem::path>& files, std::size_t count, std::uint64_t seed
) {
    Draw<std::string> draw(count, seed);
    for (const auto& file : files) {
        const auto read = each_record(file, [&](const Json& record) {
            if (const auto* text = record["text"].as_string(); text != nullptr && !text->empty()) {
                draw.offer(record.string_or("id", *text), *text);
            }
        });
        if (!read) {
            return read.error();
        }
    }
    return std::move(draw).take();
}

Result<std::vector<Question>> draw_questions(
    const std::vector<std::filesystem::path>& files, std::size_t count, std::uint64_t seed
) {
    Draw<Question> draw(count, seed);
    for (const auto& file : files) {
        const auto read = each_record(file, [&](const Json& record) {
            const auto* question = record["question"].as_string();
            const auto* answer = record["answer"].as_string();
            if (question != nullptr && answer != nullptr) {
                const std::string id = record.string_or("id", *question);
                draw.offer(id, {id, *question, *answer});
            }
        });
        if (!read) {
            return read.error();
        }
    }
    return std::move(draw).take();
}

}  // namespace capstan::evaluation
