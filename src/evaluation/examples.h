#pragma once

// What models are asked: held-out texts and questions, drawn from files by a seed.

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace capstan::evaluation {

struct Question {
    std::string id;
    std::string question;
    std::string answer;

    auto operator<=>(const Question&) const = default;
};

// Up to `count` texts of .jsonl files, the same for the same seed whatever order the files have their lines
// in.
Result<std::vector<std::string>> draw_texts(
    const std::vector<std::filesystem::path>& files, std::size_t count, std::uint64_t seed
);
Result<std::vector<Question>> draw_questions(
    const std::vector<std::filesystem::path>& files, std::size_t count, std::uint64_t seed
);

}  // namespace capstan::evaluation
