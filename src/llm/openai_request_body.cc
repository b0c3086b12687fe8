#include <utility>

#include "llm/openai_wire.h"

namespace capstan::llm {
namespace {

Json prompt_json(const Prompt& prompt) {
    if (const auto* text = std::get_if<std::string>(&prompt)) {
        return Json(*text);
    }
    if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) {
        return Json::array_of(*ids);
    }
    Json::Array messages;
    for (const Message& message : std::get<std::vector<Message>>(prompt)) {
        Json json = Json::object({{"role", name_of(message.role)}, {"content", message.content}});
        if (!message.name.empty()) {
            json.set("name", message.name);
        }
        if (!message.tool_call_id.empty()) {
            json.set("tool_call_id", message.tool_call_id);
        }
        if (!message.tool_calls.empty()) {
            json.set("tool_calls", tool_calls_json(message.tool_calls));
        }
        messages.push_back(std::move(json));
    }
    return Json(std::move(messages));
}

// The sampling parameters that are not OpenAI's defaults: some providers refuse those that are not OpenAI's.
void add_sampling(Json& body, const Sampling& sampling) {
    if (sampling.top_k != 0) {
        body.set("top_k", sampling.top_k);
    }
    if (sampling.min_p != 0) {
        body.set("min_p", sampling.min_p);
    }
    if (sampling.typical_p != 1) {
        body.set("typical_p", sampling.typical_p);
    }
    if (sampling.repetition_penalty != 1) {
        body.set("repetition_penalty", sampling.repetition_penalty);
    }
    if (sampling.frequency_penalty != 0) {
        body.set("frequency_penalty", sampling.frequency_penalty);
    }
    if (sampling.presence_penalty != 0) {
        body.set("presence_penalty", sampling.presence_penalty);
    }
    if (sampling.seed) {
        body.set("seed", static_cast<std::int64_t>(*sampling.seed));
    }
    if (!sampling.logit_bias.empty()) {
        Json bias = Json::object();
        for (const auto& [token, amount] : sampling.logit_bias) {
            bias.set(std::to_string(token), amount);
        }
        body.set("logit_bias", std::move(bias));
    }
}

Json prompts_json(const OpenAiCall& call) {
    if (call.more_prompts.empty()) {
        return prompt_json(call.request.prompt);
    }
    Json all = Json::array({prompt_json(call.request.prompt)});
    for (const Prompt& prompt : call.more_prompts) {
        all.push(prompt_json(prompt));
    }
    return all;
}

// Where the prompt begins, where the answer ends, and when it comes.
void add_ends(Json& body, const GenerateRequest& request) {
    if (!request.stop.empty()) {
        body.set("stop", Json::array_of(request.stop));
    }
    if (!request.stop_tokens.empty()) {
        body.set("stop_token_ids", Json::array_of(request.stop_tokens));
    }
    if (request.shows_stop) {
        body.set("include_stop_str_in_output", true);
    }
    if (request.shows_special_tokens) {
        body.set("skip_special_tokens", false);
    }
    if (request.ignores_end) {
        body.set("ignore_eos", true);
    }
    if (request.completion_tokens_min != 0) {
        body.set("min_tokens", request.completion_tokens_min);
    }
    if (request.prompt_tokens_max != 0) {
        body.set("truncate_prompt_tokens", request.prompt_tokens_max);
    }
    if (request.prompt_top_tokens) {
        body.set("prompt_logprobs", *request.prompt_top_tokens);
    }
    if (request.priority != 0) {
        body.set("priority", request.priority);
    }
    if (request.deadline_ms != 0) {
        body.set("timeout_ms", request.deadline_ms);
    }
}

void add_constraint(Json& body, const Constraint& constraint) {
    const auto schema = [&] { return parse_json(constraint.text).value_or(Json::object()); };
    switch (constraint.kind) {
        case Constraint::Kind::kNone:
            return;
        case Constraint::Kind::kJsonObject:
            body.set("response_format", Json::object({{"type", "json_object"}}));
            return;
        case Constraint::Kind::kJsonSchema:
            body.set(
                "response_format",
                Json::object(
                    {{"type", "json_schema"},
                     {"json_schema", Json::object({{"name", "answer"}, {"schema", schema()}})}}
                )
            );
            return;
        case Constraint::Kind::kRegex:
            body.set("guided_regex", constraint.text);
            return;
        case Constraint::Kind::kGrammar:
            body.set("guided_grammar", constraint.text);
            return;
        case Constraint::Kind::kChoice:
            body.set("guided_choice", Json::array_of(constraint.choices));
            return;
    }
}

void add_tools(Json& body, const OpenAiCall& call) {
    Json tools = Json::array();
    for (const Tool& tool : call.request.tools) {
        tools.push(tool_json(tool));
    }
    body.set("tools", std::move(tools));
    const ToolChoice& choice = call.request.tool_choice;
    if (choice.kind == ToolChoice::Kind::kNamed) {
        const Json function = Json::object({{"name", choice.name}});
        body.set("tool_choice", Json::object({{"type", "function"}, {"function", function}}));
    } else if (choice.kind != ToolChoice::Kind::kAuto) {
        body.set("tool_choice", choice.kind == ToolChoice::Kind::kNone ? "none" : "required");
    }
    if (!call.request.parallel_tool_calls) {
        body.set("parallel_tool_calls", false);
    }
}

void add_beams(Json& body, const BeamOptions& beams) {
    body.set("use_beam_search", true);
    if (beams.length_penalty != 1) {
        body.set("length_penalty", beams.length_penalty);
    }
    if (beams.early_stopping == EarlyStopping::kAtOnce) {
        body.set("early_stopping", true);
    } else if (beams.early_stopping == EarlyStopping::kWhenNoneCanBeBetter) {
        body.set("early_stopping", "never");
    }
}

// What the answer has in it besides text, and how many there are.
void add_shape(Json& body, const OpenAiCall& call) {
    const bool is_chat = call.kind == CallKind::kChat;
    if (call.choices > 1) {
        body.set("n", call.choices);
    }
    if (call.best_of > call.choices) {
        body.set("best_of", call.best_of);
    }
    if (call.request.echoes_prompt) {
        body.set("echo", true);
    }
    if (call.request.top_tokens && is_chat) {
        body.set("logprobs", true);
        body.set("top_logprobs", *call.request.top_tokens);
    } else if (call.request.top_tokens) {
        body.set("logprobs", *call.request.top_tokens);
    }
    if (call.request.beams) {
        add_beams(body, *call.request.beams);
    }
    add_constraint(body, call.request.constraint);
    if (!call.request.tools.empty()) {
        add_tools(body, call);
    }
}

}  // namespace

Json tool_json(const Tool& tool) {
    Json function = Json::object({{"name", tool.name}});
    if (!tool.description.empty()) {
        function.set("description", tool.description);
    }
    if (!tool.parameters.empty()) {
        function.set("parameters", parse_json(tool.parameters).value_or(Json::object()));
    }
    if (tool.is_strict) {
        function.set("strict", true);
    }
    return Json::object({{"type", "function"}, {"function", std::move(function)}});
}

Json tool_calls_json(const std::vector<ToolCall>& calls) {
    Json all = Json::array();
    for (const ToolCall& call : calls) {
        const Json function = Json::object({{"name", call.name}, {"arguments", call.arguments}});
        all.push(Json::object({{"id", call.id}, {"type", "function"}, {"function", function}}));
    }
    return all;
}

Json request_body(const OpenAiCall& call) {
    const Sampling& sampling = call.request.sampling;
    Json body = Json::object(
        {{"model", call.model},
         {call.kind == CallKind::kChat ? "messages" : "prompt", prompts_json(call)},
         {"max_tokens", call.request.completion_tokens_max},
         {"temperature", sampling.temperature},
         {"top_p", sampling.top_p}}
    );
    add_sampling(body, sampling);
    add_ends(body, call.request);
    add_shape(body, call);
    if (!call.user.empty()) {
        body.set("user", call.user);
    }
    if (call.stream) {
        body.set("stream", true);
        body.set("stream_options", Json::object({{"include_usage", call.include_usage}}));
    }
    return body;
}

}  // namespace capstan::llm
