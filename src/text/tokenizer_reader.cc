#include "text/tokenizer_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "text/limits.h"

namespace capstan::text {
namespace {

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Result<std::int32_t> read_id(const Json& json, std::string_view token) {
    const auto id = json.as_int();
    if (!id || *id < 0 || *id >= static_cast<std::int64_t>(kVocabularySizeMax)) {
        return invalid(fmt::format(
            "token '{}' has the id {}; 0 to {} are possible",
            token.substr(0, 80),
            json.dump().substr(0, 40),
            kVocabularySizeMax - 1
        ));
    }
    return static_cast<std::int32_t>(*id);
}

// Calls take(token, id) for each token of an object; take gives a Result<void>.
template <typename Take>
Result<void> read_vocabulary(const Json& json, const Take& take) {
    const Json::Object* members = json.as_object();
    if (members == nullptr) {
        return invalid("'vocab' must be an object");
    }
    for (const auto& [token, value] : *members) {
        const auto id = read_id(value, token);
        if (!id) {
            return id.error();
        }
        if (auto taken = take(token, *id); !taken) {
            return taken;
        }
    }
    return {};
}

// "a b" in older files, ["a", "b"] in newer ones.
Result<void> read_merges(const Json& json, BpeSpec& spec) {
    const Json::Array* merges = json.as_array();
    if (merges == nullptr) {
        return invalid("'merges' must be an array");
    }
    spec.merges.reserve(merges->size());
    for (const Json& merge : *merges) {
        if (const std::string* text = merge.as_string()) {
            const std::size_t space = text->find(' ');
            if (text->starts_with("#version")) {
                continue;
            }
            if (space == std::string::npos || text->find(' ', space + 1) != std::string::npos) {
                return invalid(
                    fmt::format("merge {} ('{}') is not two tokens", spec.merges.size(), text->substr(0, 80))
                );
            }
            spec.merges.emplace_back(text->substr(0, space), text->substr(space + 1));
            continue;
        }
        const Json::Array* pair = merge.as_array();
        if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string()) {
            return invalid(fmt::format("merge {} is not two tokens", spec.merges.size()));
        }
        spec.merges.emplace_back(*(*pair)[0].as_string(), *(*pair)[1].as_string());
    }
    return {};
}

Result<BpeModel> read_bpe(const Json& json, bool byte_level) {
    if (json.double_or("dropout", 0) > 0) {
        return invalid("a model with dropout is not supported: set 'dropout' to null");
    }
    BpeSpec spec{
        .vocabulary = {},
        .merges = {},
        .unknown_token = std::nullopt,
        .continuing_subword_prefix = json.string_or("continuing_subword_prefix", ""),
        .end_of_word_suffix = json.string_or("end_of_word_suffix", ""),
        .fuse_unknown = json.bool_or("fuse_unk", false),
        .byte_fallback = json.bool_or("byte_fallback", false),
        .ignore_merges = json.bool_or("ignore_merges", false),
        .byte_level = byte_level
    };
    if (const std::string* unknown = json["unk_token"].as_string()) {
        spec.unknown_token = *unknown;
    }
    const auto take = [&](const std::string& token, std::int32_t id) {
        spec.vocabulary.emplace_back(token, id);
        return Result<void>();
    };
    if (auto read = read_vocabulary(json["vocab"], take); !read) {
        return read.error();
    }
    if (auto read = read_merges(json["merges"], spec); !read) {
        return read.error();
    }
    return BpeModel::build(spec);
}

Result<WordPieceModel> read_word_piece(const Json& json) {
    WordPieceSpec spec{
        .vocabulary = {},
        .unknown_token = json.string_or("unk_token", "[UNK]"),
        .continuing_prefix = json.string_or("continuing_subword_prefix", "##"),
        .word_characters_max =
            static_cast<std::size_t>(std::max<std::int64_t>(json.int_or("max_input_chars_per_word", 100), 0))
    };
    const auto take = [&](const std::string& token, std::int32_t id) {
        return spec.vocabulary.add(token, id);
    };
    if (auto read = read_vocabulary(json["vocab"], take); !read) {
        return read.error();
    }
    return WordPieceModel::build(std::move(spec));
}

// Its vocabulary is a list of [token, score]; the place in it is the id.
Result<UnigramModel> read_unigram(const Json& json) {
    UnigramSpec spec{.vocabulary = {}, .scores = {}, .byte_fallback = json.bool_or("byte_fallback", false)};
    const Json::Array* tokens = json["vocab"].as_array();
    if (tokens == nullptr) {
        return invalid("'vocab' must be an array");
    }
    for (const Json& item : *tokens) {
        const Json::Array* pair = item.as_array();
        const bool is_pair = pair != nullptr && pair->size() == 2 && (*pair)[0].is_string();
        const auto score = is_pair ? (*pair)[1].as_double() : std::nullopt;
        if (!score) {
            return invalid(fmt::format("token {} is not a text and a score", spec.scores.size()));
        }
        if (auto appended = spec.vocabulary.append(*(*pair)[0].as_string()); !appended) {
            return appended.error();
        }
        spec.scores.push_back(*score);
    }
    if (const auto id = json["unk_id"].as_int()) {
        const auto checked = read_id(json["unk_id"], "unk_id");
        if (!checked) {
            return checked.error();
        }
        spec.unknown_id = *checked;
    }
    return UnigramModel::build(std::move(spec));
}

template <typename Model>
Result<TokenModel> wrapped(Result<Model> model) {
    return model ? Result<TokenModel>(TokenModel(std::move(*model))) : Result<TokenModel>(model.error());
}

Result<TokenModel> read_model(const Json& json, bool byte_level) {
    // Old files have no type.
    const std::string type = json.string_or("type", json.contains("merges") ? "BPE" : "");
    if (type == "BPE") {
        return wrapped(read_bpe(json, byte_level));
    }
    if (type == "WordPiece") {
        return wrapped(read_word_piece(json));
    }
    if (type == "Unigram") {
        return wrapped(read_unigram(json));
    }
    return invalid(fmt::format("model type '{}' is not supported", type.substr(0, 80)));
}

Result<std::vector<AddedToken>> read_added_tokens(const Json& json, const TokenModel& model) {
    std::vector<AddedToken> tokens;
    const Json::Array* items = json.as_array();
    if (items == nullptr) {
        return tokens;
    }
    for (const Json& item : *items) {
        auto content = item.get_string("content");
        if (!content) {
            return content.error();
        }
        // A token that the model knows keeps the model's id, as in Hugging Face's.
        const std::int32_t known = model.id_of(*content);
        const auto id = known >= 0 ? Result<std::int32_t>(known) : read_id(item["id"], *content);
        if (!id) {
            return id.error();
        }
        const bool special = item.bool_or("special", false);
        tokens.push_back(
            {.id = *id,
             .content = *content,
             .special = special,
             .single_word = item.bool_or("single_word", false),
             .lstrip = item.bool_or("lstrip", false),
             .rstrip = item.bool_or("rstrip", false),
             .normalized = item.bool_or("normalized", !special)}
        );
    }
    if (auto checked = check_added_tokens(tokens); !checked) {
        return checked.error();
    }
    return tokens;
}

}  // namespace

Result<TokenizerParts> read_tokenizer(std::string_view text) {
    if (text.size() > kTokenizerFileBytesMax) {
        return Error{
            ErrorCode::kTooLarge, fmt::format("has {} bytes; {} at most", text.size(), kTokenizerFileBytesMax)
        };
    }
    const auto json = parse_json(text, 64);
    if (!json) {
        return json.error();
    }
    auto normalizer = Normalizer::read((*json)["normalizer"]);
    if (!normalizer) {
        return normalizer.error();
    }
    auto pretokenizer = Pretokenizer::read((*json)["pre_tokenizer"]);
    if (!pretokenizer) {
        return pretokenizer.error();
    }
    auto decoder = TokenDecoder::read((*json)["decoder"]);
    if (!decoder) {
        return decoder.error();
    }
    auto model = read_model((*json)["model"], pretokenizer->is_byte_level());
    if (!model) {
        return model.error();
    }
    auto added_tokens = read_added_tokens((*json)["added_tokens"], *model);
    if (!added_tokens) {
        return added_tokens.error();
    }
    auto post_processor = PostProcessor::read((*json)["post_processor"]);
    if (!post_processor) {
        return post_processor.error();
    }
    return TokenizerParts{
        .model = std::move(*model),
        .added_tokens = std::move(*added_tokens),
        .normalizer = std::move(*normalizer),
        .pretokenizer = std::move(*pretokenizer),
        .decoder = std::move(*decoder),
        .post_processor = std::move(*post_processor)
    };
}

}  // namespace capstan::text
