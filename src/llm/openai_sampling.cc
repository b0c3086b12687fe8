// How the next token is chosen and when an answer ends, as OpenAI's requests say it, and vLLM's beyond them.

#include <cmath>

#include "llm/openai_reader.h"

namespace capstan::llm {
namespace {

constexpr std::size_t kStopSequencesMax = 16;  // OpenAI takes 4, vLLM any number.
constexpr std::size_t kStopBytesMax = 500;
constexpr std::size_t kStopTokensMax = 256;

std::map<TokenId, double> read_logit_bias(Reader& reader) {
    std::map<TokenId, double> bias;
    const Json& json = reader["logit_bias"];
    if (json.is_null()) {
        return bias;
    }
    const auto* members = json.as_object();
    if (members == nullptr || members->size() > 1024) {
        reader.fail("'logit_bias' must be an object of at most 1024 token ids");
        return bias;
    }
    for (const auto& [token, value] : *members) {
        const auto amount = value.as_double();
        const bool digits =
            !token.empty() && token.size() <= 9 && token.find_first_not_of("0123456789") == std::string::npos;
        if (!digits || !amount || std::abs(*amount) > 100) {
            reader.fail("'logit_bias' must map token ids to numbers from -100 to 100");
            return bias;
        }
        bias[static_cast<TokenId>(std::stol(token))] = *amount;
    }
    return bias;
}

}  // namespace

Sampling read_sampling(Reader& reader) {
    Sampling sampling;
    sampling.temperature = reader.number("temperature", 0, 2).value_or(1.0);
    sampling.top_p = reader.number("top_p", 0, 1).value_or(1.0);
    sampling.top_k = static_cast<int>(reader.integer("top_k", -1, 1 << 30).value_or(0));
    sampling.top_k = std::max(sampling.top_k, 0);  // vLLM's clients say -1 for "all".
    sampling.min_p = reader.number("min_p", 0, 1).value_or(0.0);
    sampling.typical_p = reader.number("typical_p", 0, 1).value_or(1.0);
    sampling.repetition_penalty = reader.number("repetition_penalty", 0, 10).value_or(1.0);
    sampling.frequency_penalty = reader.number("frequency_penalty", -2, 2).value_or(0.0);
    sampling.presence_penalty = reader.number("presence_penalty", -2, 2).value_or(0.0);
    if (const auto seed = reader.integer("seed", INT64_MIN, INT64_MAX)) {
        sampling.seed = static_cast<std::uint64_t>(*seed);
    }
    sampling.logit_bias = read_logit_bias(reader);
    if (sampling.top_p == 0) {
        reader.fail("'top_p' must be greater than 0");
    }
    for (const auto& [name, value] :
         {std::pair{"typical_p", sampling.typical_p},
          std::pair{"repetition_penalty", sampling.repetition_penalty}}) {
        if (value == 0) {
            reader.fail(fmt::format("'{}' must be greater than 0", name));
        }
    }
    return sampling;
}

std::vector<std::string> read_stop(Reader& reader) {
    const Json& stop = reader["stop"];
    if (stop.is_null()) {
        return {};
    }
    const Json one = stop.is_string() ? Json::array({stop}) : stop;
    std::vector<std::string> texts;
    const auto* items = one.as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        const auto* text = (*items)[i].as_string();
        if (text != nullptr && !text->empty() && text->size() <= kStopBytesMax) {
            texts.push_back(*text);
        }
    }
    if (items == nullptr || texts.size() != items->size() || texts.size() > kStopSequencesMax) {
        reader.fail("'stop' must be a string or up to 16 strings of 1 to 500 bytes");
    }
    return texts;
}

std::vector<TokenId> read_stop_tokens(Reader& reader) {
    const Json& json = reader["stop_token_ids"];
    std::vector<TokenId> tokens;
    const auto* items = json.as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        const auto id = (*items)[i].as_int();
        if (id && *id >= 0 && *id <= INT32_MAX) {
            tokens.push_back(static_cast<TokenId>(*id));
        }
    }
    const std::size_t count = items == nullptr ? 0 : items->size();
    if ((!json.is_null() && items == nullptr) || tokens.size() != count || count > kStopTokensMax) {
        reader.fail(fmt::format("'stop_token_ids' must be a list of at most {} token ids", kStopTokensMax));
    }
    return tokens;
}

// As vLLM has it: `use_beam_search`, with `n` beams, and `length_penalty`; `early_stopping` as its earlier
// versions had it, and transformers.
std::optional<BeamOptions> read_beams(Reader& reader) {
    BeamOptions beams;
    beams.length_penalty = reader.number("length_penalty", -10, 10).value_or(1);
    const Json& early = reader["early_stopping"];
    if (const auto* word = early.as_string(); word != nullptr && *word == "never") {
        beams.early_stopping = EarlyStopping::kWhenNoneCanBeBetter;
    } else if (early.is_bool()) {
        beams.early_stopping = *early.as_bool() ? EarlyStopping::kAtOnce : EarlyStopping::kWhenNoneIsBetter;
    } else if (!early.is_null()) {
        reader.fail("'early_stopping' must be true, false or \"never\"");
    }
    return reader.flag("use_beam_search") ? std::optional(beams) : std::nullopt;
}

}  // namespace capstan::llm
