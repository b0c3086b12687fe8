#pragma once

// The contract between whoever wants text and whatever makes it: a model in this process, an engine behind
// HTTP, a provider.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "llm/message.h"

namespace capstan::llm {

// Called with each new piece of text, whole UTF-8 characters only, from the thread that waits. Returning
// false cancels at the next token.
using OnText = std::function<bool(std::string_view piece)>;

// Called from any thread when an answer may have something new to take, or may have ended; it must not block.
using OnChange = std::function<void()>;

// What is new of a call of a tool: its name, which begins it, or a part of its arguments, which together are
// JSON.
struct ToolPart {
    int index = 0;     // Of the call, from 0.
    std::string name;  // Empty but in the first.
    std::string arguments;
};

// What came of an answer since the last look.
struct AnswerPiece {
    std::vector<ToolPart> tool_parts;
    std::string text;                       // Whole UTF-8 characters.
    std::vector<TokenScore> tokens;         // Those whose text began to show; only when they were asked for.
    std::vector<TokenScore> prompt_tokens;  // The whole prompt's, once; only when they were asked for.
};

// An answer under way; for one reader at a time. Dropped before its end, it is cancelled at the next step.
class Answer {
public:
    virtual ~Answer() = default;

    // What is new, or nothing. Never blocks.
    virtual std::optional<AnswerPiece> take() = 0;

    // Everything was taken. `take` finds it out: false before it has returned nothing once.
    virtual bool has_ended() const = 0;

    // After the end. Its text is empty: the pieces had it.
    virtual Result<GenerateResult> result() const = 0;

    // Ends it at the next step, with kCancelled.
    virtual void cancel() = 0;
};

// Thread-safe.
class ModelClient {
public:
    virtual ~ModelClient() = default;

    // Begins an answer and returns. kInvalid for a prompt longer than the context or sampling out of range,
    // kNotFound for an unknown adapter, kExhausted when the queue is full. What goes wrong later is the
    // answer's result: kUnavailable when the model does not answer. `on_change` is not called any more when
    // the answer is gone.
    virtual Result<std::unique_ptr<Answer>> start(const GenerateRequest& request, OnChange on_change) = 0;

    // Begins `count` answers to one prompt, all of them or none; answer k is that of `start` with the seed,
    // when there is one, plus k; with beams, the k-th best of one search. Whoever can computes the prompt
    // once; here each is a call of its own, and beams are kInvalid.
    virtual Result<std::vector<std::unique_ptr<Answer>>> start_many(
        const GenerateRequest& request, std::size_t count, const OnChange& on_change
    );

    // Blocks until the answer is complete. A cancelled one is a result (kCancelled) with what came so far,
    // not an error.
    Result<GenerateResult> generate(const GenerateRequest& request, const OnText& on_text);
};

}  // namespace capstan::llm
