#pragma once

// Prompts: named templates with immutable versions and labels that move between them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace capstan::prompts {

struct PromptVersion {
    std::int64_t number = 0;  // From 1.
    Json content;             // A text, or a list of {"role", "content"} messages; with {{ placeholders }}.
    std::string message;      // Why it was made.
    std::int64_t created_ms = 0;
};

struct Prompt {
    std::string id;
    std::string project_id;
    std::string name;
    std::int64_t created_ms = 0;
    std::vector<PromptVersion> versions;  // Newest first.
    std::map<std::string, std::int64_t>
        labels;  // Label → number. "latest" is always the newest and is not kept.
};

}  // namespace capstan::prompts
