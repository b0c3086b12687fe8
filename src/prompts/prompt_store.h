#pragma once

// Rows of prompts, prompt_versions and prompt_labels. SQL lives here and nowhere else in prompts.

#include <optional>
#include <string_view>
#include <vector>

#include "prompts/prompt.h"

namespace soci {
class session;
}

namespace capstan::prompts {

// The prompt of that name, made when there is none; without versions and labels.
Prompt find_or_insert_prompt(soci::session& session, const Prompt& fresh);
// With versions and labels.
std::optional<Prompt> find_prompt(soci::session& session, std::string_view project_id, std::string_view name);
std::vector<Prompt> list_prompts(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);

std::int64_t next_number(soci::session& session, std::string_view prompt_id);
void insert_version(soci::session& session, std::string_view prompt_id, const PromptVersion& version);
void upsert_label(
    soci::session& session, std::string_view prompt_id, std::string_view label, std::int64_t number
);

}  // namespace capstan::prompts
