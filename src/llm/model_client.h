#pragma once

// The contract between whoever wants text and whatever makes it: a model in this process, an engine behind
// HTTP, a provider.

#include <functional>
#include <string_view>

#include "base/result.h"
#include "llm/message.h"

namespace capstan::llm {

// Called with each new piece of text, whole UTF-8 characters only, from the thread that generates. Returning
// false cancels at the next token.
using OnText = std::function<bool(std::string_view piece)>;

class ModelClient {
public:
    virtual ~ModelClient() = default;

    // Blocks until the answer is complete. Thread-safe. A cancelled generation is a result (kCancelled) with
    // what came so far, not an error. kInvalid for a prompt longer than the context or sampling out of range,
    // kNotFound for an unknown adapter, kExhausted when the queue is full, kUnavailable when the model does
    // not answer.
    virtual Result<GenerateResult> generate(const GenerateRequest& request, const OnText& on_text) = 0;
};

}  // namespace capstan::llm
