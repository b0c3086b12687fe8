#pragma once

// What is written into a quantised model about how it was made and what it lost: keys of a GGUF file's
// metadata, or a section of a folder's README.md, its card.

#include <filesystem>
#include <string>

#include "base/result.h"
#include "engine/client/model_loss.h"

namespace capstan::engine {

struct QuantisationCard {
    std::string type;    // "int4", "q4_0", …
    std::string method;  // "rtn", "awq" or "gptq".
    std::string source;  // A name, not a path: the card travels.
    ModelLoss loss;
};

// A GGUF file is written anew beside itself and then takes its own place; it needs the room of both
// meanwhile.
Result<void> write_card(const std::filesystem::path& model, const QuantisationCard& card);

}  // namespace capstan::engine
