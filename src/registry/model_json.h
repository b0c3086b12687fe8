#pragma once

// Models, versions and tokenizers as JSON.

#include "base/json.h"
#include "registry/model_service.h"

namespace capstan::registry {

Json to_json(const Version& version);
Json to_json(const ModelDetail& detail);
Json to_json(const Tokenizer& tokenizer);

}  // namespace capstan::registry
