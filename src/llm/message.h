#pragma once

// What a model call is: messages in, sampling parameters, text and usage out. The nouns that the engine,
// every provider, the gateway and evaluation share. No wire format here: gateway and serving translate
// OpenAI's JSON.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace capstan::llm {

using TokenId = std::int32_t;

enum class Role { kSystem, kUser, kAssistant, kTool };

std::string_view name_of(Role role);                    // "system" and so on, as on the wire.
std::optional<Role> parse_role(std::string_view name);  // Also "developer", OpenAI's newer word for system.

struct ToolCall {
    std::string id;
    std::string name;
    std::string arguments;  // JSON text, as the model wrote it.
};

struct Message {
    Role role = Role::kUser;
    std::string content;
    std::string name;  // Optional; empty when absent.
    std::vector<ToolCall> tool_calls;
    std::string tool_call_id;  // For kTool.
};

// How the next token is chosen. The defaults are OpenAI's.
struct Sampling {
    double temperature = 1.0;         // 0 to 2; 0 is greedy.
    double top_p = 1.0;               // (0, 1]
    int top_k = 0;                    // 0: all.
    double min_p = 0.0;               // [0, 1]
    double typical_p = 1.0;           // (0, 1]; locally typical sampling (Meister et al. 2023); 1: off.
    double frequency_penalty = 0.0;   // -2 to 2
    double presence_penalty = 0.0;    // -2 to 2
    double repetition_penalty = 1.0;  // (0, 10]; over prompt and completion (Keskar et al. 2019); 1: off.
    std::optional<std::uint64_t> seed = std::nullopt;
    std::map<TokenId, double> logit_bias = {};  // -100 to 100
};

// kInvalid, naming the parameter and its range, for the first one out of range; not-a-number always is.
Result<void> validate(const Sampling& sampling);

// When a beam search is over that has found as many answers as it is wide, as transformers' `early_stopping`
// says: false, true and "never".
enum class EarlyStopping {
    kWhenNoneIsBetter,  // The best beam, were it to end where it is, would not be among them.
    kAtOnce,
    kWhenNoneCanBeBetter,  // The same, were it to grow to the limit, when long answers are favoured.
};

struct BeamOptions {
    // A sum of log-probabilities is divided by length^penalty: above 0 favours long answers.
    double length_penalty = 1;
    EarlyStopping early_stopping = EarlyStopping::kWhenNoneIsBetter;
};

// Chat messages, plain text to continue, or token ids.
using Prompt = std::variant<std::vector<Message>, std::string, std::vector<TokenId>>;

// What an answer must be, every byte of it.
struct Constraint {
    enum class Kind { kNone, kJsonObject, kJsonSchema, kRegex, kGrammar, kChoice };

    Kind kind = Kind::kNone;
    std::string text = {};                  // The schema as JSON, the expression, or the grammar (EBNF).
    std::vector<std::string> choices = {};  // Of kChoice.
};

// A function that the model may call.
struct Tool {
    std::string name;
    std::string description = {};
    std::string parameters = {};  // A JSON schema; empty for none.
    bool is_strict = false;       // Arguments must follow the schema.
};

struct ToolChoice {
    enum class Kind { kAuto, kNone, kRequired, kNamed };

    Kind kind = Kind::kAuto;
    std::string name = {};  // Of kNamed.
};

struct GenerateRequest {
    Prompt prompt = {};
    Sampling sampling = {};
    int completion_tokens_max = 16;
    // Before so many tokens no end token, stop token or stop string ends the answer; a constraint may.
    int completion_tokens_min = 0;
    // Of the prompt, only the last so many tokens are read; 0: all, which must fit; -1: as many as fit beside
    // the completion.
    int prompt_tokens_max = 0;
    std::vector<std::string> stop = {};         // At most 16; not part of the text that comes out.
    std::vector<TokenId> stop_tokens = {};      // Each of them ends the answer, as the model's end tokens do.
    bool shows_stop = false;                    // What ended the answer is a part of its text, nevertheless.
    bool ignores_end = false;                   // Go on behind the model's end tokens.
    bool shows_special_tokens = false;          // They are text, by their names.
    bool echoes_prompt = false;                 // The prompt comes first in the answer.
    std::optional<int> prompt_top_tokens = {};  // Scores of the prompt's tokens, each with so many others.
    // Log-probabilities of all tokens that come out, each with so many of the most probable. With an echo,
    // completion_tokens_max may be 0.
    std::optional<int> top_tokens = {};
    // The answers that are asked for together are the best of a beam search that wide, the best first;
    // nothing is sampled. They come at its end.
    std::optional<BeamOptions> beams = {};
    std::string adapter = {};  // Name of a loaded adapter; empty for none.
    Constraint constraint = {};
    std::vector<Tool> tools = {};  // With a prompt of messages.
    ToolChoice tool_choice = {};
    bool parallel_tool_calls = true;  // Else one call at most.
    int priority = 0;                 // Lower comes first.
    std::string fairness_key = {};    // Whose request it is: those who wait take turns by key.
    std::int64_t deadline_ms = 0;     // From the call on; 0: none.
};

enum class FinishReason { kStop, kLength, kCancelled };

struct Usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cached_prompt_tokens = 0;  // Part of prompt_tokens.
};

// A token that came out, with what the model thought of it (no temperature, bias or penalty).
struct TokenScore {
    struct Alternative {
        std::string bytes;
        double log_probability = 0;
        TokenId token = 0;
    };

    TokenId token = 0;
    std::string bytes;                      // May be a part of a character.
    std::optional<double> log_probability;  // None for the first token of a prompt.
    std::vector<Alternative> top;           // The best first.
    std::size_t text_offset = 0;            // Characters of the answer's text before its own.
    std::int64_t rank = 0;                  // Among all tokens, from 1; of a prompt's tokens only.
};

struct GenerateResult {
    std::string text;
    FinishReason finish_reason = FinishReason::kStop;
    Usage usage;
    double queue_ms = 0;        // From the call to the first step that it was part of.
    double prefill_ms = 0;      // From there to the first token.
    double first_token_ms = 0;  // From the call to the first token.
    double total_ms = 0;
};

}  // namespace capstan::llm
