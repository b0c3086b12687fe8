#pragma once

// What was left out and why: a count, bytes and a few examples for each reason.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace capstan::corpus {

struct Drop {
    std::string_view reason;  // A stable word, such as "near_duplicate".
    std::uint64_t bytes = 0;  // Of text that is gone with it.
    std::string_view id;      // Of the record, or the path of the file.
    std::string detail;       // For a person; may be empty.
};

class DropLog {
public:
    explicit DropLog(std::size_t examples_max) : examples_max_(examples_max) {}

    void add(const Drop& drop, std::uint64_t count = 1);

    std::uint64_t count(std::string_view reason) const;

    // [{"reason","count","bytes","examples":[{"id","detail"}]}], most frequent first.
    Json to_json() const;

private:
    struct Reason {
        std::uint64_t count = 0;
        std::uint64_t bytes = 0;
        std::vector<std::pair<std::string, std::string>> examples;  // id, detail
    };

    std::size_t examples_max_;
    std::map<std::string, Reason, std::less<>> reasons_;
};

}  // namespace capstan::corpus
