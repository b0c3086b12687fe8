#include "prompts/prompt_service.h"

#include <algorithm>

#include "prompts/prompt_store.h"

namespace capstan::prompts {
namespace {

constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kContentBytesMax = 256 * 1024;

bool is_message(const Json& json) {
    return json["role"].is_string() && json["content"].is_string();
}

Result<void> check(const NewVersion& asked) {
    if (asked.name.empty() || asked.name.size() > kNameBytesMax) {
        return Error{ErrorCode::kInvalid, "a prompt's name has 1 to 200 bytes"};
    }
    const auto* messages = asked.content.as_array();
    const bool is_list =
        messages != nullptr && !messages->empty() && std::ranges::all_of(*messages, is_message);
    if (!asked.content.is_string() && !is_list) {
        return Error{
            ErrorCode::kInvalid, "'template' must be a text or a list of {\"role\", \"content\"} messages"
        };
    }
    if (asked.content.dump().size() > kContentBytesMax) {
        return Error{ErrorCode::kTooLarge, "'template' has at most 256 KiB"};
    }
    return {};
}

Error no_prompt(std::string_view name) {
    return {ErrorCode::kNotFound, "no prompt " + std::string(name)};
}

}  // namespace

Result<Prompt> PromptService::add_version(const NewVersion& asked) {
    if (auto checked = check(asked); !checked) {
        return checked.error();
    }
    return inputs_.database.transact([&](soci::session& session) -> Result<Prompt> {
        const Prompt prompt = find_or_insert_prompt(
            session,
            {.id = inputs_.next_id(),
             .project_id = asked.project_id,
             .name = asked.name,
             .created_ms = inputs_.now_ms()}
        );
        insert_version(
            session,
            prompt.id,
            {.number = next_number(session, prompt.id),
             .content = asked.content,
             .message = asked.message,
             .created_ms = inputs_.now_ms()}
        );
        return find_prompt(session, asked.project_id, asked.name).value_or(prompt);
    });
}

Result<Prompt> PromptService::get(std::string_view project_id, std::string_view name) {
    return inputs_.database.read([&](soci::session& session) -> Result<Prompt> {
        auto prompt = find_prompt(session, project_id, name);
        return prompt ? Result<Prompt>(std::move(*prompt)) : no_prompt(name);
    });
}

Result<std::vector<Prompt>> PromptService::list(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<Prompt>>(list_prompts(session, project_id, cursor, rows_max));
    });
}

Result<Prompt> PromptService::set_label(std::string_view project_id, const LabelAsk& ask) {
    if (ask.label.empty() || ask.label.size() > kNameBytesMax || ask.label == "latest") {
        return Error{
            ErrorCode::kInvalid, "a label has 1 to 200 bytes and is not 'latest', which moves by itself"
        };
    }
    return inputs_.database.transact([&](soci::session& session) -> Result<Prompt> {
        auto prompt = find_prompt(session, project_id, ask.name);
        if (!prompt) {
            return no_prompt(ask.name);
        }
        if (ask.number < 1 || ask.number >= next_number(session, prompt->id)) {
            return Error{
                ErrorCode::kNotFound, "prompt " + ask.name + " has no version " + std::to_string(ask.number)
            };
        }
        upsert_label(session, prompt->id, ask.label, ask.number);
        prompt->labels[ask.label] = ask.number;
        return std::move(*prompt);
    });
}

}  // namespace capstan::prompts
