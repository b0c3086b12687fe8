#pragma once

// The HTTP face of models and tokenizers.

#include "platform/http/router.h"
#include "registry/model_service.h"

namespace capstan::registry {

void add_model_routes(http::Router& router, ModelService& models);  // `models` outlives `router`.

}  // namespace capstan::registry
