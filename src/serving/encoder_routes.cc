#include "serving/encoder_routes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/id.h"
#include "platform/http/json_reply.h"
#include "serving/openai_reply.h"

namespace capstan::serving {
namespace {

constexpr std::size_t kInputsMax = 2048;

using Answer = Result<Json>;

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

std::optional<llm::EncoderInput> one_input(const Json& json) {
    if (const auto* text = json.as_string()) {
        return *text;
    }
    const auto* items = json.as_array();
    std::vector<llm::TokenId> ids;
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        const auto id = (*items)[i].as_int();
        if (!id || *id < 0 || *id > INT32_MAX) {
            return std::nullopt;
        }
        ids.push_back(static_cast<llm::TokenId>(*id));
    }
    return ids.empty() ? std::nullopt : std::optional<llm::EncoderInput>(std::move(ids));
}

// A text, ids, or a list of either.
Result<std::vector<llm::EncoderInput>> read_inputs(const Json& json) {
    if (auto input = one_input(json)) {
        return std::vector<llm::EncoderInput>{std::move(*input)};
    }
    const auto* items = json.as_array();
    std::vector<llm::EncoderInput> inputs;
    for (std::size_t i = 0; items != nullptr && i < std::min(items->size(), kInputsMax); ++i) {
        if (auto input = one_input((*items)[i])) {
            inputs.push_back(std::move(*input));
        }
    }
    if (inputs.empty() || inputs.size() != items->size()) {
        return invalid(fmt::format(
            "'input' must be a text, a list of token ids, or a list of up to {} of either", kInputsMax
        ));
    }
    return inputs;
}

// A text or a list of texts; Cohere's documents may be objects with a "text".
Result<std::vector<std::string>> read_texts(const Json& json, std::string_view name) {
    const Json list = json.is_array() ? json : Json::array({json});
    std::vector<std::string> texts;
    for (const Json& item : *list.as_array()) {
        const Json& holder = item.is_object() ? item["text"] : item;
        if (const auto* text = holder.as_string(); text != nullptr && texts.size() < kInputsMax) {
            texts.push_back(*text);
        }
    }
    if (texts.empty() || texts.size() != list.as_array()->size()) {
        return invalid(fmt::format("'{}' must be a text or a list of up to {} texts", name, kInputsMax));
    }
    return texts;
}

// The first `dimensions` of a vector, of length one again (Matryoshka embeddings; Kusupati et al. 2022).
void shorten(std::vector<float>& vector, std::size_t dimensions) {
    vector.resize(dimensions);
    double squares = 0;
    for (const float value : vector) {
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const auto length = static_cast<float>(std::sqrt(squares));
    for (float& value : vector) {
        value = length > 0 ? value / length : 0;
    }
}

// Little-endian float32, as OpenAI's clients ask for it.
std::string base64_of(const std::vector<float>& vector) {
    std::string bytes;
    for (const float value : vector) {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        for (int shift = 0; shift < 32; shift += 8) {
            bytes += static_cast<char>(bits >> shift);
        }
    }
    return encode_base64(bytes);
}

Json usage_of(std::int64_t tokens) {
    return Json::object({{"prompt_tokens", tokens}, {"total_tokens", tokens}});
}

Answer embeddings(const EncoderRoutes& routes, const Json& body, const llm::EncoderCall& call) {
    const auto inputs = read_inputs(body["input"]);
    if (!inputs) {
        return inputs.error();
    }
    if (!body["truncate_prompt_tokens"].is_null()) {
        return invalid("'truncate_prompt_tokens' is not supported for vectors: cut the text");
    }
    const std::string format = body.string_or("encoding_format", "float");
    if (format != "float" && format != "base64") {
        return invalid("'encoding_format' must be float or base64");
    }
    auto embedded = routes.encoder.embed(*inputs, call);
    if (!embedded) {
        return embedded.error();
    }
    const Json& wanted = body["dimensions"];
    Json data = Json::array();
    for (std::vector<float>& vector : embedded->vectors) {
        const auto dimensions = wanted.is_null() ? std::ssize(vector) : wanted.as_int().value_or(0);
        if (dimensions < 1 || dimensions > std::ssize(vector)) {
            return invalid(fmt::format("'dimensions' must be from 1 to {}", vector.size()));
        }
        if (dimensions < std::ssize(vector)) {
            shorten(vector, static_cast<std::size_t>(dimensions));
        }
        data.push(Json::object(
            {{"object", "embedding"},
             {"index", data.is_array() ? data.as_array()->size() : 0},
             {"embedding", format == "float" ? Json::array_of(vector) : Json(base64_of(vector))}}
        ));
    }
    return Json::object(
        {{"object", "list"},
         {"data", std::move(data)},
         {"model", routes.name},
         {"usage", usage_of(embedded->prompt_tokens)}}
    );
}

Answer rerank(const EncoderRoutes& routes, const Json& body, const llm::EncoderCall& call) {
    const auto* query = body["query"].as_string();
    const auto documents = read_texts(body["documents"], "documents");
    if (query == nullptr || !documents) {
        return query == nullptr ? invalid("'query' must be a text") : documents.error();
    }
    const std::int64_t top = body.int_or("top_n", 0);
    std::vector<llm::TextPair> pairs;
    for (const std::string& document : *documents) {
        pairs.push_back({*query, document});
    }
    const auto scored = routes.encoder.score(pairs, call);
    if (!scored) {
        return scored.error();
    }
    std::vector<std::size_t> order(pairs.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        order[i] = i;
    }
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(-scored->scores[i], i); });
    if (top > 0 && top < std::ssize(order)) {
        order.resize(static_cast<std::size_t>(top));
    }
    Json results = Json::array();
    for (const std::size_t i : order) {
        Json result = Json::object({{"index", i}, {"relevance_score", scored->scores[i]}});
        if (body.bool_or("return_documents", true)) {
            result.set("document", Json::object({{"text", (*documents)[i]}}));
        }
        results.push(std::move(result));
    }
    return Json::object(
        {{"id", "rerank-" + new_id()},
         {"model", routes.name},
         {"results", std::move(results)},
         {"usage", usage_of(scored->prompt_tokens)}}
    );
}

// One text with each of several, or each with its own.
Answer score(const EncoderRoutes& routes, const Json& body, const llm::EncoderCall& call) {
    const bool is_new = body.contains("queries");
    auto first = read_texts(body[is_new ? "queries" : "text_1"], is_new ? "queries" : "text_1");
    const auto second = read_texts(body[is_new ? "documents" : "text_2"], is_new ? "documents" : "text_2");
    if (!first || !second) {
        return first ? second.error() : first.error();
    }
    if (first->size() == 1) {
        first->resize(second->size(), std::string(first->front()));
    }
    if (first->size() != second->size()) {
        return invalid("'text_1' must be one text, or as many as 'text_2'");
    }
    std::vector<llm::TextPair> pairs;
    for (std::size_t i = 0; i < first->size(); ++i) {
        pairs.push_back({(*first)[i], (*second)[i]});
    }
    const auto scored = routes.encoder.score(pairs, call);
    if (!scored) {
        return scored.error();
    }
    Json data = Json::array();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        data.push(Json::object({{"index", i}, {"object", "score"}, {"score", scored->scores[i]}}));
    }
    return Json::object(
        {{"id", "score-" + new_id()},
         {"object", "list"},
         {"created", system_now_ms() / 1000},
         {"model", routes.name},
         {"data", std::move(data)},
         {"usage", usage_of(scored->prompt_tokens)}}
    );
}

}  // namespace

void add_encoder_routes(http::Router& router, EncoderRoutes routes) {
    router.get("/v1/models", http::kPublic, [routes](const http::Request&) {
        const Json model = Json::object(
            {{"id", routes.name},
             {"object", "model"},
             {"created", 0},
             {"owned_by", "capstan"},
             {"max_model_len", routes.encoder.tokens_max()}}
        );
        return http::reply(Json::object({{"object", "list"}, {"data", Json::array({model})}}));
    });
    add_encoder_call(router, "/v1/embeddings", routes, embeddings);
    for (const char* path : {"/rerank", "/v1/rerank", "/v2/rerank"}) {
        add_encoder_call(router, path, routes, rerank);
    }
    for (const char* path : {"/score", "/v1/score"}) {
        add_encoder_call(router, path, routes, score);
    }
}

}  // namespace capstan::serving
