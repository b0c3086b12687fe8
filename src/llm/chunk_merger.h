#pragma once

// Puts the chunks of a streamed answer together to the answer that would have come without a stream.

#include <cstddef>
#include <map>
#include <string>

#include "base/json.h"
#include "llm/openai_wire.h"

namespace capstan::llm {

// For one answer; of any OpenAI server, whose further members are kept.
class ChunkMerger {
public:
    explicit ChunkMerger(CallKind kind) : kind_(kind) {}

    // kUnavailable for more than 4,096 choices or tool calls of a choice.
    Result<void> take(const Json& chunk);

    Json answer(const AnswerHead& head, const Usage& usage) const;

private:
    Result<void> take_choice(const Json& choice);

    CallKind kind_;
    std::map<std::int64_t, Json> choices_;  // By index; as they will be answered.
};

}  // namespace capstan::llm
