#pragma once

// The contract of a model whose memory can be given back for a while, without ending its process.

#include "base/result.h"

namespace capstan::llm {

// Thread-safe; calls block.
class Sleeper {
public:
    virtual ~Sleeper() = default;

    // Gives back the memory of weights and cache. What is being computed ends with kUnavailable, and so does
    // every call until `wake`. Nothing when it sleeps already.
    virtual void sleep() = 0;

    // Reads the weights again, as at the start: their file is mostly still in the system's memory. Errors as
    // then; it sleeps on. Nothing when it is awake.
    virtual Result<void> wake() = 0;

    virtual bool is_asleep() const = 0;
};

}  // namespace capstan::llm
