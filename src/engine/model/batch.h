#pragma once

// What goes through a model in one step: rows, each one token of one sequence at one position.
//
// Sequences share blocks. A row may look at positions that a row of another sequence, earlier in the same
// batch, writes: a layer stores the keys and values of all rows before any row attends.

#include <cstdint>

#include "engine/cache/kv_cache.h"
#include "engine/model/adapter.h"
#include "llm/message.h"

namespace capstan::engine {

struct BatchRow {
    llm::TokenId token = 0;            // In the vocabulary.
    std::int64_t position = 0;         // From 0; all before it are in `kv`, or are rows earlier in the batch.
    const KvSequence* kv = nullptr;    // Holds `position`; its key and value are written.
    const Adapter* adapter = nullptr;  // Null for the base alone.
    bool wants_logits = false;
};

}  // namespace capstan::engine
