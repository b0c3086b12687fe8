#pragma once

// Embeddings as OpenAI has them; reranking and scores as vLLM, Jina and Cohere have them.

#include <string>

#include "llm/encoder_client.h"
#include "platform/http/router.h"

namespace capstan::serving {

struct EncoderRoutes {
    llm::EncoderClient& encoder;  // Outlives the server.
    std::string name;             // What callers name in `model`.
};

// GET /v1/models; POST /v1/embeddings, /rerank, /v1/rerank, /v2/rerank, /score, /v1/score.
void add_encoder_routes(http::Router& router, EncoderRoutes routes);

}  // namespace capstan::serving
