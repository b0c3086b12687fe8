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
constexpr int kTopTokensMax = 20;
constexpr std::int64_t kPriorityMax = 1'000'000;
constexpr std::int64_t kDeadlineMsMax = std::int64_t{24} * 3600 * 1000;

// Parameters whose effect we do not have, and the value, if any, that asks for nothing.
void refuse_what_we_do_not_do(Reader& reader) {
    for (const std::string_view name : {"suffix", "audio", "functions", "prompt_logprobs", "min_tokens"}) {
        const Json& value = reader[name];
        const bool asks_nothing =
            value.is_null() || value == Json(0) || (value.as_array() && value.as_array()->empty());
        if (!asks_nothing) {
            reader.fail(fmt::format("'{}' is not supported by this server", name));
        }
    }
    if (reader.flag("use_beam_search")) {
        reader.fail("'use_beam_search' is not supported by this server");
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
    call.request.stop = read_stop(reader);
    call.request.stop_tokens = read_stop_tokens(reader);
    call.request.ignores_end = reader.flag("ignore_eos");
    call.request.constraint = read_constraint(reader);
    call.request.priority =
        static_cast<int>(reader.integer("priority", -kPriorityMax, kPriorityMax).value_or(0));
    call.request.deadline_ms = reader.integer("timeout_ms", 1, kDeadlineMsMax).value_or(0);
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

Result<OpenAiCall> finish(const Reader& reader, OpenAiCall call) {
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
