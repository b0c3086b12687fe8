#include <algorithm>
#include <optional>
#include <utility>

#include "llm/openai_reader.h"
#include "llm/openai_wire.h"

namespace capstan::llm {
namespace {

constexpr std::size_t kUserBytesMax = 512;
constexpr int kCompletionTokensMax = 1 << 20;
constexpr int kCompletionTokensDefault = 16;  // Of /v1/completions, as OpenAI documents it.
constexpr int kChatCompletionTokensDefault =
    512;  // OpenAI's is the model's limit; ours must fit small contexts.
constexpr int kChoicesMax = 128;
constexpr int kBeamsMax = 64;
constexpr int kTopTokensMax = 20;
constexpr std::int64_t kPriorityMax = 1'000'000;
constexpr std::int64_t kDeadlineMsMax = std::int64_t{24} * 3600 * 1000;

// Parameters whose effect we do not have, and the value, if any, that asks for nothing.
void refuse_what_we_do_not_do(Reader& reader) {
    for (const std::string_view name :
         {"suffix", "audio", "functions", "bad_words", "allowed_token_ids", "logits_processors"}) {
        const Json& value = reader[name];
        const bool asks_nothing =
            value.is_null() || value == Json(0) || (value.as_array() && value.as_array()->empty());
        if (!asks_nothing) {
            reader.fail(fmt::format("'{}' is not supported by this server", name));
        }
    }
    if (reader.flag("continue_final_message")) {
        reader.fail("'continue_final_message' is not supported by this server");
    }
}

// Where the answer begins and where it ends.
void read_bounds(Reader& reader, GenerateRequest& request) {
    request.stop = read_stop(reader);
    request.stop_tokens = read_stop_tokens(reader);
    request.shows_stop = reader.flag("include_stop_str_in_output");
    request.shows_special_tokens =
        !reader["skip_special_tokens"].is_null() && !reader.flag("skip_special_tokens");
    request.ignores_end = reader.flag("ignore_eos");
    request.completion_tokens_min =
        static_cast<int>(reader.integer("min_tokens", 0, kCompletionTokensMax).value_or(0));
    const auto kept = reader.integer("truncate_prompt_tokens", -1, kCompletionTokensMax);
    if (kept == 0) {
        reader.fail("'truncate_prompt_tokens' must be at least 1, or -1 for as many as fit");
    }
    request.prompt_tokens_max = static_cast<int>(kept.value_or(0));
    if (const auto top = reader.integer("prompt_logprobs", 0, kTopTokensMax)) {
        request.prompt_top_tokens = static_cast<int>(*top);
    }
}

// A beam search knows its answers at its end, and takes the most probable tokens as the model has them.
void refuse_what_beams_do_not(Reader& reader, const OpenAiCall& call) {
    const Sampling& sampling = call.request.sampling;
    const auto refuse = [&](bool is_asked, std::string_view name) {
        if (is_asked) {
            reader.fail(fmt::format("'{}' does not go with 'use_beam_search'", name));
        }
    };
    refuse(call.stream, "stream");
    // 0 is what earlier versions of vLLM wanted with beams.
    refuse(sampling.temperature != 0 && sampling.temperature != 1, "temperature");
    refuse(sampling.top_p != 1, "top_p");
    refuse(sampling.top_k != 0, "top_k");
    refuse(sampling.min_p != 0, "min_p");
    refuse(sampling.typical_p != 1, "typical_p");
    refuse(sampling.repetition_penalty != 1, "repetition_penalty");
    refuse(sampling.frequency_penalty != 0, "frequency_penalty");
    refuse(sampling.presence_penalty != 0, "presence_penalty");
    refuse(!sampling.logit_bias.empty(), "logit_bias");
    refuse(!call.request.stop_tokens.empty(), "stop_token_ids");
    refuse(call.request.completion_tokens_min > 0, "min_tokens");
    refuse(call.request.prompt_top_tokens.has_value(), "prompt_logprobs");
    refuse(call.best_of != call.choices, "best_of");
    const bool is_chat = call.kind == CallKind::kChat;
    const bool is_scored = call.request.top_tokens.has_value();
    refuse(call.request.top_tokens.value_or(0) > 0, is_chat ? "top_logprobs" : "logprobs above 0");
    refuse(call.request.echoes_prompt && is_scored, "echo with logprobs");
    if (call.choices > kBeamsMax) {
        reader.fail(fmt::format("'n' must be at most {} with 'use_beam_search'", kBeamsMax));
    }
}

// What is wrong only together.
void check_together(Reader& reader, const OpenAiCall& call) {
    const GenerateRequest& request = call.request;
    if (request.completion_tokens_min > request.completion_tokens_max) {
        reader.fail(fmt::format(
            "'min_tokens' is {}; it must not be more than 'max_tokens', which is {}",
            request.completion_tokens_min,
            request.completion_tokens_max
        ));
    }
    if (request.prompt_top_tokens && call.stream) {
        reader.fail("'prompt_logprobs' cannot be streamed: ask without 'stream'");
    }
}

void read_choices(Reader& reader, OpenAiCall& call) {
    call.choices = static_cast<int>(reader.integer("n", 1, kChoicesMax).value_or(1));
    call.best_of = static_cast<int>(reader.integer("best_of", 1, kChoicesMax).value_or(call.choices));
    if (call.best_of < call.choices) {
        reader.fail("'best_of' must not be less than 'n'");
    }
    if (call.best_of > 1 && call.request.sampling.temperature == 0) {
        call.best_of = call.choices;  // All the same: the best of them is any.
    }
}

OpenAiCall read_common(Reader& reader, CallKind kind) {
    OpenAiCall call;
    call.kind = kind;
    call.model = reader.text("model", true);
    call.request.sampling = read_sampling(reader);
    read_bounds(reader, call.request);
    call.request.constraint = read_constraint(reader);
    call.request.priority =
        static_cast<int>(reader.integer("priority", -kPriorityMax, kPriorityMax).value_or(0));
    call.request.deadline_ms = reader.integer("timeout_ms", 1, kDeadlineMsMax).value_or(0);
    call.request.beams = read_beams(reader);
    call.stream = reader.flag("stream");
    call.include_usage = reader["stream_options"].bool_or("include_usage", false);
    read_choices(reader, call);
    call.user = reader.text("user", false);
    if (call.user.size() > kUserBytesMax) {
        reader.fail(fmt::format("'user' must have at most {} bytes", kUserBytesMax));
    }
    refuse_what_we_do_not_do(reader);
    return call;
}

std::optional<int> read_chat_log_probabilities(Reader& reader) {
    const auto top = reader.integer("top_logprobs", 0, kTopTokensMax);
    const bool is_asked = reader.flag("logprobs");
    if (top && *top > 0 && !is_asked) {
        reader.fail("'top_logprobs' needs 'logprobs': true");
    }
    return is_asked ? std::optional(static_cast<int>(top.value_or(0))) : std::nullopt;
}

Result<OpenAiCall> finish(Reader& reader, OpenAiCall call) {
    check_together(reader, call);
    if (call.request.beams) {
        refuse_what_beams_do_not(reader, call);
    }
    if (reader.error()) {
        return *reader.error();
    }
    return call;
}

}  // namespace

Result<OpenAiCall> parse_chat_call(const Json& body) {
    if (!body.is_object()) {
        return Error{ErrorCode::kInvalid, "the request must be a JSON object"};
    }
    Reader reader(body);
    OpenAiCall call = read_common(reader, CallKind::kChat);
    call.request.prompt = read_messages(reader);
    call.request.top_tokens = read_chat_log_probabilities(reader);
    call.request.tools = read_tools(reader);
    call.request.tool_choice = read_tool_choice(reader, call.request.tools);
    call.request.parallel_tool_calls =
        reader["parallel_tool_calls"].is_null() || reader.flag("parallel_tool_calls");
    if (reader.flag("echo")) {
        reader.fail("'echo' is for /v1/completions");
    }
    const auto newer = reader.integer("max_completion_tokens", 1, kCompletionTokensMax);
    const auto older = reader.integer("max_tokens", 1, kCompletionTokensMax);
    call.request.completion_tokens_max =
        static_cast<int>(newer.value_or(older.value_or(kChatCompletionTokensDefault)));
    return finish(reader, std::move(call));
}

Result<OpenAiCall> parse_completion_call(const Json& body) {
    if (!body.is_object()) {
        return Error{ErrorCode::kInvalid, "the request must be a JSON object"};
    }
    Reader reader(body);
    OpenAiCall call = read_common(reader, CallKind::kCompletion);
    std::vector<Prompt> prompts = read_prompts(reader);
    call.request.prompt = std::move(prompts.front());
    call.more_prompts.assign(
        std::make_move_iterator(prompts.begin() + 1), std::make_move_iterator(prompts.end())
    );
    call.request.echoes_prompt = reader.flag("echo");
    if (const auto top = reader.integer("logprobs", 0, kTopTokensMax)) {
        call.request.top_tokens = static_cast<int>(*top);
    }
    call.request.completion_tokens_max =
        static_cast<int>(reader
                             .integer("max_tokens", call.request.echoes_prompt ? 0 : 1, kCompletionTokensMax)
                             .value_or(kCompletionTokensDefault));
    return finish(reader, std::move(call));
}

}  // namespace capstan::llm
