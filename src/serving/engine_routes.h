#pragma once

// OpenAI's API in front of one model: what an engine process serves. No keys: it listens on loopback, and who
// may call it is the gateway's business.

#include "platform/http/router.h"
#include "serving/served_model.h"

namespace capstan::serving {

// GET /v1/models, POST /v1/chat/completions, POST /v1/completions; streaming and not. `served` outlives the
// server.
void add_engine_routes(http::Router& router, ServedModel& served);

}  // namespace capstan::serving
