#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "llm/openai_wire.h"

namespace capstan::llm {
namespace {

constexpr std::size_t kMessagesMax = 2048;
constexpr std::size_t kStopSequencesMax = 4;
constexpr std::size_t kStopBytesMax = 1024;
constexpr std::size_t kUserBytesMax = 512;
constexpr int kCompletionTokensMax = 1 << 20;
constexpr int kCompletionTokensDefault = 16;  // Of /v1/completions, as OpenAI documents it.
constexpr int kChatCompletionTokensDefault =
    512;  // OpenAI's is the model's limit; ours must fit small contexts.

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

// Reads members of a request one after the other and remembers the first thing wrong with them.
class Reader {
public:
    explicit Reader(const Json& body) : body_(body) {}

    std::optional<double> number(std::string_view name, double low, double high) {
        const Json& value = body_[name];
        if (value.is_null()) {
            return std::nullopt;
        }
        const auto found = value.as_double();
        if (!found || !(*found >= low && *found <= high)) {
            fail(fmt::format("'{}' must be a number from {} to {}", name, low, high));
            return std::nullopt;
        }
        return found;
    }

    std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high) {
        const Json& value = body_[name];
        if (value.is_null()) {
            return std::nullopt;
        }
        const auto found = value.as_int();
        if (!found || *found < low || *found > high) {
            fail(fmt::format("'{}' must be an integer from {} to {}", name, low, high));
            return std::nullopt;
        }
        return found;
    }

    bool flag(std::string_view name) {
        const Json& value = body_[name];
        if (!value.is_null() && !value.is_bool()) {
            fail(fmt::format("'{}' must be true or false", name));
        }
        return value.as_bool().value_or(false);
    }

    std::string text(std::string_view name, bool required) {
        const Json& value = body_[name];
        if (value.is_null() && !required) {
            return {};
        }
        if (const auto* found = value.as_string()) {
            return *found;
        }
        fail(fmt::format("'{}' must be a string", name));
        return {};
    }

    const Json& operator[](std::string_view name) const { return body_[name]; }

    void fail(std::string message) {
        if (!error_) {
            error_ = invalid(std::move(message));
        }
    }

    const std::optional<Error>& error() const { return error_; }

private:
    const Json& body_;
    std::optional<Error> error_;
};

// Parameters whose effect we do not have. The value in brackets asks for nothing and is accepted.
void refuse_what_we_do_not_do(Reader& reader) {
    if (const auto n = reader.integer("n", 1, 128); n && *n != 1) {
        reader.fail("'n' must be 1: this server gives one choice a call");
    }
    if (reader["best_of"].as_int().value_or(1) != 1) {
        reader.fail("'best_of' must be 1");
    }
    const Json& logprobs = reader["logprobs"];
    if (!logprobs.is_null() && !(logprobs.is_bool() && !*logprobs.as_bool())) {
        reader.fail("'logprobs' is not supported by this server");
    }
    for (const std::string_view name : {"tools", "functions"}) {
        const auto* items = reader[name].as_array();
        if (!reader[name].is_null() && (items == nullptr || !items->empty())) {
            reader.fail(fmt::format("'{}' is not supported by this server", name));
        }
    }
    const Json& format = reader["response_format"];
    if (!format.is_null() && format.string_or("type", "") != "text") {
        reader.fail(
            "'response_format' must be {\"type\": \"text\"}: constrained output is not supported by this "
            "server"
        );
    }
    for (const std::string_view name : {"suffix", "audio"}) {
        if (!reader[name].is_null()) {
            reader.fail(fmt::format("'{}' is not supported by this server", name));
        }
    }
}

std::map<TokenId, double> read_logit_bias(Reader& reader) {
    std::map<TokenId, double> bias;
    const Json& json = reader["logit_bias"];
    if (json.is_null()) {
        return bias;
    }
    const auto* members = json.as_object();
    if (members == nullptr || members->size() > 1024) {
        reader.fail("'logit_bias' must be an object of at most 1024 token ids");
        return bias;
    }
    for (const auto& [token, value] : *members) {
        const auto amount = value.as_double();
        const bool digits =
            !token.empty() && token.size() <= 9 && token.find_first_not_of("0123456789") == std::string::npos;
        if (!digits || !amount || std::abs(*amount) > 100) {
            reader.fail("'logit_bias' must map token ids to numbers from -100 to 100");
            return bias;
        }
        bias[static_cast<TokenId>(std::stol(token))] = *amount;
    }
    return bias;
}

Sampling read_sampling(Reader& reader) {
    Sampling sampling;
    sampling.temperature = reader.number("temperature", 0, 2).value_or(1.0);
    sampling.top_p = reader.number("top_p", 0, 1).value_or(1.0);
    sampling.top_k = static_cast<int>(reader.integer("top_k", -1, 1 << 30).value_or(0));
    sampling.top_k = std::max(sampling.top_k, 0);  // vLLM's clients say -1 for "all".
    sampling.min_p = reader.number("min_p", 0, 1).value_or(0.0);
    sampling.frequency_penalty = reader.number("frequency_penalty", -2, 2).value_or(0.0);
    sampling.presence_penalty = reader.number("presence_penalty", -2, 2).value_or(0.0);
    if (const auto seed = reader.integer("seed", INT64_MIN, INT64_MAX)) {
        sampling.seed = static_cast<std::uint64_t>(*seed);
    }
    sampling.logit_bias = read_logit_bias(reader);
    if (sampling.top_p == 0) {
        reader.fail("'top_p' must be greater than 0");
    }
    return sampling;
}

std::vector<std::string> read_stop(Reader& reader) {
    const Json& stop = reader["stop"];
    if (stop.is_null()) {
        return {};
    }
    const Json one = stop.is_string() ? Json::array({stop}) : stop;
    std::vector<std::string> texts;
    const auto* items = one.as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        const auto* text = (*items)[i].as_string();
        if (text != nullptr && !text->empty() && text->size() <= kStopBytesMax) {
            texts.push_back(*text);
        }
    }
    if (items == nullptr || texts.size() != items->size() || texts.size() > kStopSequencesMax) {
        reader.fail("'stop' must be a string or up to 4 strings of 1 to 1024 bytes");
    }
    return texts;
}

// A message's content: text, null, or a list of parts of which we take those of type "text".
std::optional<std::string> content_text(const Json& content) {
    if (content.is_null()) {
        return std::string();
    }
    if (const auto* text = content.as_string()) {
        return *text;
    }
    const auto* parts = content.as_array();
    if (parts == nullptr) {
        return std::nullopt;
    }
    std::string joined;
    for (const Json& part : *parts) {
        const auto* text = part["text"].as_string();
        if (part.string_or("type", "") != "text" || text == nullptr) {
            return std::nullopt;
        }
        joined += *text;
    }
    return joined;
}

std::vector<Message> read_messages(Reader& reader) {
    const auto* items = reader["messages"].as_array();
    if (items == nullptr || items->empty() || items->size() > kMessagesMax) {
        reader.fail(fmt::format("'messages' must be a list of 1 to {} messages", kMessagesMax));
        return {};
    }
    std::vector<Message> messages;
    for (std::size_t i = 0; i < items->size(); ++i) {
        const Json& item = (*items)[i];
        const auto role = parse_role(item.string_or("role", ""));
        const auto content = content_text(item["content"]);
        if (!role) {
            reader.fail(fmt::format("'messages[{}].role' must be system, user, assistant or tool", i));
        } else if (!content) {
            reader.fail(fmt::format("'messages[{}].content' must be text or a list of text parts", i));
        } else {
            messages.push_back(
                {.role = *role,
                 .content = *content,
                 .name = item.string_or("name", ""),
                 .tool_calls = {},
                 .tool_call_id = item.string_or("tool_call_id", "")}
            );
        }
    }
    return messages;
}

std::optional<std::vector<TokenId>> token_ids(const Json::Array& items) {
    std::vector<TokenId> ids;
    for (const Json& item : items) {
        const auto id = item.as_int();
        if (!id || *id < 0 || *id > INT32_MAX) {
            return std::nullopt;
        }
        ids.push_back(static_cast<TokenId>(*id));
    }
    return ids;
}

Prompt read_prompt(Reader& reader) {
    const Json& prompt = reader["prompt"];
    const Json& one = prompt.as_array() != nullptr && prompt.as_array()->size() == 1 &&
                              !prompt.as_array()->front().is_integer()
                          ? prompt.as_array()->front()
                          : prompt;
    if (const auto* text = one.as_string()) {
        return *text;
    }
    if (const auto* items = one.as_array(); items != nullptr && !items->empty()) {
        if (auto ids = token_ids(*items)) {
            return std::move(*ids);
        }
        reader.fail("'prompt' must be one text or one list of token ids: this server takes one prompt a call"
        );
        return std::string();
    }
    reader.fail("'prompt' must be a text or a list of token ids");
    return std::string();
}

Result<OpenAiCall> finish(const Reader& reader, OpenAiCall call) {
    if (reader.error()) {
        return *reader.error();
    }
    return call;
}

OpenAiCall read_common(Reader& reader, CallKind kind) {
    OpenAiCall call;
    call.kind = kind;
    call.model = reader.text("model", true);
    call.request.sampling = read_sampling(reader);
    call.request.stop = read_stop(reader);
    call.stream = reader.flag("stream");
    call.include_usage = reader["stream_options"].bool_or("include_usage", false);
    call.user = reader.text("user", false);
    if (call.user.size() > kUserBytesMax) {
        reader.fail(fmt::format("'user' must have at most {} bytes", kUserBytesMax));
    }
    refuse_what_we_do_not_do(reader);
    return call;
}

}  // namespace

Result<OpenAiCall> parse_chat_call(const Json& body) {
    if (!body.is_object()) {
        return invalid("the request must be a JSON object");
    }
    Reader reader(body);
    OpenAiCall call = read_common(reader, CallKind::kChat);
    call.request.prompt = read_messages(reader);
    const auto newer = reader.integer("max_completion_tokens", 1, kCompletionTokensMax);
    const auto older = reader.integer("max_tokens", 1, kCompletionTokensMax);
    call.request.completion_tokens_max =
        static_cast<int>(newer.value_or(older.value_or(kChatCompletionTokensDefault)));
    return finish(reader, std::move(call));
}

Result<OpenAiCall> parse_completion_call(const Json& body) {
    if (!body.is_object()) {
        return invalid("the request must be a JSON object");
    }
    Reader reader(body);
    OpenAiCall call = read_common(reader, CallKind::kCompletion);
    call.request.prompt = read_prompt(reader);
    call.echo = reader.flag("echo");
    if (call.echo && !std::holds_alternative<std::string>(call.request.prompt)) {
        reader.fail("'echo' is for a prompt that is text, not token ids");
    }
    call.request.completion_tokens_max = static_cast<int>(
        reader.integer("max_tokens", 1, kCompletionTokensMax).value_or(kCompletionTokensDefault)
    );
    return finish(reader, std::move(call));
}

}  // namespace capstan::llm
