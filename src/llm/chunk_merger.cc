#include "llm/chunk_merger.h"

#include <algorithm>
#include <utility>

namespace capstan::llm {
namespace {

constexpr std::int64_t kItemsMax = 4096;

Error too_many() {
    return {ErrorCode::kUnavailable, "the model's server sent a chunk with an index out of range"};
}

// The member called `name`, made when there is none.
Json& member(Json& object, std::string_view name, Json otherwise) {
    if (!object.contains(name)) {
        object.set(name, std::move(otherwise));
    }
    for (Json::Member& each : *object.as_object()) {
        if (each.first == name) {
            return each.second;
        }
    }
    return object;
}

void append_text(Json& object, std::string_view name, const std::string& text) {
    const auto* before = object[name].as_string();
    object.set(name, (before != nullptr ? *before : std::string()) + text);
}

// Adds to each list of `into` the items of the list in `part` that has its name.
void append_lists(Json& into, const Json& part) {
    for (const auto& [name, value] : *part.as_object()) {
        const auto* items = value.as_array();
        Json& list = member(into, name, items != nullptr ? Json::array() : value);
        if (items != nullptr && list.is_null()) {
            list = Json::array();
        }
        for (std::size_t i = 0; items != nullptr && list.is_array() && i < items->size(); ++i) {
            list.push((*items)[i]);
        }
    }
}

// Texts grow; all else is taken as it came last.
void merge_texts(Json& into, const Json& delta) {
    for (const auto& [name, value] : *delta.as_object()) {
        const auto* text = value.as_string();
        if (text != nullptr && name != "role" && name != "id" && name != "type" && name != "name") {
            append_text(into, name, *text);
        } else if (!value.is_null()) {
            into.set(name, value);
        }
    }
}

Result<void> merge_calls(Json& message, const Json::Array& deltas) {
    Json& calls = member(message, "tool_calls", Json::array());
    for (const Json& delta : deltas) {
        const std::int64_t index = delta.int_or("index", 0);
        auto* all = calls.as_array();
        if (all == nullptr || index < 0 || index >= kItemsMax || !delta.is_object()) {
            return too_many();
        }
        while (std::ssize(*all) <= index) {
            all->push_back(Json::object());
        }
        Json& call = (*all)[static_cast<std::size_t>(index)];
        for (const auto& [name, value] : *delta.as_object()) {
            if (name == "function" && value.is_object()) {
                merge_texts(member(call, "function", Json::object()), value);
            } else if (name != "index" && name != "function" && !value.is_null()) {
                call.set(name, value);
            }
        }
    }
    return {};
}

Result<void> merge_delta(Json& message, const Json& delta) {
    Json texts = delta;
    if (const auto* calls = delta["tool_calls"].as_array()) {
        if (auto merged = merge_calls(message, *calls); !merged) {
            return merged;
        }
        texts.set("tool_calls", nullptr);
    }
    merge_texts(message, texts);
    return {};
}

}  // namespace

Result<void> ChunkMerger::take(const Json& chunk) {
    const auto* choices = chunk["choices"].as_array();
    for (std::size_t i = 0; choices != nullptr && i < choices->size(); ++i) {
        if (auto taken = take_choice((*choices)[i]); !taken) {
            return taken;
        }
    }
    return {};
}

Result<void> ChunkMerger::take_choice(const Json& choice) {
    const std::int64_t index = choice.int_or("index", 0);
    if (index < 0 || index >= kItemsMax || !choice.is_object()) {
        return too_many();
    }
    Json& whole = choices_[index];
    if (whole.is_null()) {
        whole.set("index", index);
        if (kind_ == CallKind::kChat) {
            whole.set("message", Json::object({{"role", "assistant"}, {"content", nullptr}}));
        } else {
            whole.set("text", "");
        }
        whole.set("logprobs", nullptr);
        whole.set("finish_reason", nullptr);
    }
    for (const auto& [name, value] : *choice.as_object()) {
        if (name == "delta" && value.is_object() && kind_ == CallKind::kChat) {
            if (auto merged = merge_delta(member(whole, "message", Json::object()), value); !merged) {
                return merged;
            }
        } else if (const auto* text = value.as_string(); name == "text" && text != nullptr) {
            append_text(whole, name, *text);
        } else if (name == "logprobs" && value.is_object()) {
            Json& scores = member(whole, name, Json::object());
            if (!scores.is_object()) {
                scores = Json::object();
            }
            append_lists(scores, value);
        } else if (name != "delta" && name != "index" && name != "message" && !value.is_null()) {
            whole.set(name, value);
        }
    }
    return {};
}

Json ChunkMerger::answer(const AnswerHead& head, const Usage& usage) const {
    Json json = answer_body(head, {}, usage);
    Json::Array all;
    for (const auto& [index, choice] : choices_) {
        all.push_back(choice);
        if (kind_ == CallKind::kChat) {
            Json& message = member(all.back(), "message", Json::object());
            if (message["content"].is_null() && !message.contains("tool_calls")) {
                message.set("content", "");
            } else if (message["tool_calls"].is_array() && message.string_or("content", "").empty()) {
                message.set("content", nullptr);
            }
            member(message, "refusal", nullptr);
        }
    }
    json.set("choices", std::move(all));
    return json;
}

}  // namespace capstan::llm
