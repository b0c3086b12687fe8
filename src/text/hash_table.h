#pragma once

// Two small hash tables for the hot paths of tokenizing: numbers to values, and strings to numbers. Open
// addressing with linear probing; nothing is ever removed.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace capstan::text {

// Keys are any uint64 but kEmpty.
template <typename Value>
class NumberTable {
public:
    static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};

    explicit NumberTable(std::size_t expected = 0)
        : slots_(std::bit_ceil(expected * 2 + 16), Slot{kEmpty, Value{}}) {}

    std::size_t size() const { return size_; }

    const Value* find(std::uint64_t key) const {
        const Slot& slot = slots_[index_of(key)];
        return slot.key == key ? &slot.value : nullptr;
    }

    // The value of `key`, made first when there is none. The reference holds until the next call.
    Value& at(std::uint64_t key) {
        if ((size_ + 1) * 2 > slots_.size()) {
            grow();
        }
        Slot& slot = slots_[index_of(key)];
        if (slot.key == kEmpty) {
            slot.key = key;
            size_ += 1;
        }
        return slot.value;
    }

    template <typename Visit>
    void for_each(Visit visit) {
        for (Slot& slot : slots_) {
            if (slot.key != kEmpty) {
                visit(slot.key, slot.value);
            }
        }
    }

private:
    struct Slot {
        std::uint64_t key;
        Value value;
    };

    std::size_t index_of(std::uint64_t key) const {
        const std::size_t mask = slots_.size() - 1;
        std::uint64_t mixed = key * 0x9E3779B97F4A7C15U;  // Fibonacci hashing, folded twice.
        mixed ^= mixed >> 32;
        mixed *= 0xD6E8FEB86659FD93U;
        std::size_t index = (mixed ^ mixed >> 29) & mask;
        while (slots_[index].key != key && slots_[index].key != kEmpty) {
            index = (index + 1) & mask;
        }
        return index;
    }

    void grow() {
        std::vector<Slot> old =
            std::exchange(slots_, std::vector<Slot>(slots_.size() * 2, {kEmpty, Value{}}));
        for (Slot& slot : old) {
            if (slot.key != kEmpty) {
                slots_[index_of(slot.key)] = std::move(slot);
            }
        }
    }

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

// Numbers its distinct strings 0, 1, 2, ... in the order in which they came first, and keeps copies of them.
class StringTable {
public:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    std::uint32_t size() const { return static_cast<std::uint32_t>(strings_.size()); }

    // Lives as long as the table.
    std::string_view operator[](std::uint32_t number) const { return strings_[number]; }

    std::uint32_t find(std::string_view text) const {
        return slots_.empty() ? kNone : slots_[index_of(text, xxh3_64(text))].number;
    }

    // The number of `text`, new when it was not there: compare with size() before.
    std::uint32_t number_of(std::string_view text) {
        if ((strings_.size() + 1) * 2 > slots_.size()) {
            grow();
        }
        const std::uint64_t hash = xxh3_64(text);
        Slot& slot = slots_[index_of(text, hash)];
        if (slot.number == kNone) {
            slot = {tag_of(hash), size()};
            hashes_.push_back(hash);
            strings_.push_back(keep(text));
        }
        return slot.number;
    }

private:
    struct Slot {
        std::uint32_t tag = 0;  // High half of the hash: most unequal strings are told apart without reading.
        std::uint32_t number = kNone;
    };

    static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

    std::size_t index_of(std::string_view text, std::uint64_t hash) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t index = hash & mask;
        while (slots_[index].number != kNone &&
               (slots_[index].tag != tag_of(hash) || strings_[slots_[index].number] != text)) {
            index = (index + 1) & mask;
        }
        return index;
    }

    void grow() {
        slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, {});
        const std::size_t mask = slots_.size() - 1;
        for (std::uint32_t number = 0; number < size(); ++number) {
            std::size_t index = hashes_[number] & mask;
            while (slots_[index].number != kNone) {
                index = (index + 1) & mask;
            }
            slots_[index] = {tag_of(hashes_[number]), number};
        }
    }

    std::string_view keep(std::string_view text) {
        constexpr std::size_t kBlockBytes = 64 * 1024;
        if (text.size() > left_.second) {
            const std::size_t bytes = std::max(kBlockBytes, text.size());
            blocks_.push_back(std::make_unique<char[]>(bytes));
            left_ = {blocks_.back().get(), bytes};
        }
        text.copy(left_.first, text.size());
        const std::string_view kept(left_.first, text.size());
        left_ = {left_.first + text.size(), left_.second - text.size()};
        return kept;
    }

    std::vector<Slot> slots_;
    std::vector<std::uint64_t> hashes_;
    std::vector<std::string_view> strings_;
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::pair<char*, std::size_t> left_{nullptr, 0};  // Unused rest of the last block.
};

}  // namespace capstan::text
