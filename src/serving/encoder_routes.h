#pragma once

// Embeddings as OpenAI has them; reranking and scores as vLLM, Jina and Cohere have them.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "llm/encoder_client.h"
#include "platform/http/router.h"

namespace capstan::serving {

struct EncoderRoutes {
    llm::EncoderClient& encoder;               // Outlives the server.
    std::string name;                          // What callers name in `model`.
    std::int64_t deadline_ms_max = 3'600'000;  // Of a call that names none, and at most.
};

// What a call asks of the encoder, and its answer, as JSON.
using EncoderHandler = Result<Json> (*)(const EncoderRoutes&, const Json& body, const llm::EncoderCall&);

// A POST route for it. The work is done on a worker; when the caller leaves, or the deadline of the call
// ("timeout_ms", or the header x-request-timeout-ms) passes, it stops.
void add_encoder_call(
    http::Router& router, std::string_view path, const EncoderRoutes& routes, EncoderHandler handler
);

// GET /v1/models; POST /v1/embeddings, /rerank, /v1/rerank, /v2/rerank, /score, /v1/score.
void add_encoder_routes(http::Router& router, EncoderRoutes routes);

}  // namespace capstan::serving
