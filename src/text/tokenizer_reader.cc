#include "text/tokenizer_reader.h"

#include <limits>

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

Result<void> read_vocabulary(const Json& json, BpeSpec& spec) {
    const Json::Object* members = json.as_object();
    if (members == nullptr) {
        return invalid("'vocab' must be an object");
    }
    spec.vocabulary.reserve(members->size());
    for (const auto& [token, value] : *members) {
        const auto id = read_id(value, token);
        if (!id) {
            return id.error();
        }
        spec.vocabulary.emplace_back(token, *id);
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

Result<BpeModel> read_model(const Json& json, bool byte_level) {
    // Old files of BPE tokenizers have no type.
    const std::string type = json.string_or("type", json.contains("merges") ? "BPE" : "");
    if (type != "BPE") {
        return invalid(fmt::format("model type '{}' is not supported", type.substr(0, 80)));
    }
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
    if (auto read = read_vocabulary(json["vocab"], spec); !read) {
        return read.error();
    }
    if (auto read = read_merges(json["merges"], spec); !read) {
        return read.error();
    }
    return BpeModel::build(spec);
}

Result<std::vector<AddedToken>> read_added_tokens(const Json& json, const BpeModel& model) {
    std::vector<AddedToken> tokens;
    const Json::Array* items = json.as_array();
    if (items == nullptr) {
        return tokens;
    }
    if (items->size() > kAddedTokensMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("there are {} added tokens; {} at most", items->size(), kAddedTokensMax)
        };
    }
    std::size_t bytes = 0;
    for (const Json& item : *items) {
        auto content = item.get_string("content");
        if (!content) {
            return content.error();
        }
        bytes += content->size();
        if (bytes > kAddedTokensBytesMax) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format("the added tokens have more than {} bytes", kAddedTokensBytesMax)
            };
        }
        if (content->empty() || content->size() > kAddedTokenBytesMax) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format(
                    "added token '{}' has {} bytes; 1 to {} are possible",
                    content->substr(0, 80),
                    content->size(),
                    kAddedTokenBytesMax
                )
            };
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
    return tokens;
}

struct Surroundings {
    std::vector<std::int32_t> before;
    std::vector<std::int32_t> behind;
};

// The part of a TemplateProcessing for one text: special tokens around the sequence A.
Result<void> read_template(const Json& json, Surroundings& around) {
    const Json::Array* pieces = json["single"].as_array();
    bool behind = false;
    for (std::size_t i = 0; pieces != nullptr && i < pieces->size(); ++i) {
        const Json& piece = (*pieces)[i];
        if (piece.contains("Sequence")) {
            behind = true;
            continue;
        }
        const std::string name = piece["SpecialToken"].string_or("id", "");
        const Json::Array* ids = json["special_tokens"][name]["ids"].as_array();
        if (ids == nullptr) {
            return invalid(fmt::format("post_processor: special token '{}' has no ids", name.substr(0, 80)));
        }
        for (const Json& value : *ids) {
            const auto id = read_id(value, name);
            if (!id) {
                return id.error();
            }
            (behind ? around.behind : around.before).push_back(*id);
        }
    }
    return {};
}

Result<void> read_post_processor(const Json& json, Surroundings& around, int depth) {
    constexpr int kDepthMax = 8;
    const std::string type = json.string_or("type", "");
    if (json.is_null() || type == "ByteLevel") {  // That moves offsets, which we do not give.
        return {};
    }
    if (type == "TemplateProcessing") {
        return read_template(json, around);
    }
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        for (const auto& [name, ids] : {std::pair("cls", &around.before), std::pair("sep", &around.behind)}) {
            const Json::Array* pair = json[name].as_array();
            const auto id = read_id(pair != nullptr && pair->size() == 2 ? (*pair)[1] : Json(), name);
            if (!id) {
                return id.error();
            }
            ids->push_back(*id);
        }
        return {};
    }
    if (type == "Sequence" && depth < kDepthMax) {
        const Json::Array* parts = json["processors"].as_array();
        for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
            if (auto read = read_post_processor((*parts)[i], around, depth + 1); !read) {
                return read;
            }
        }
        return {};
    }
    return invalid(fmt::format("post_processor: type '{}' is not supported", type.substr(0, 80)));
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
    Surroundings around;
    if (auto read = read_post_processor((*json)["post_processor"], around, 0); !read) {
        return read.error();
    }
    return TokenizerParts{
        .model = std::move(*model),
        .added_tokens = std::move(*added_tokens),
        .normalizer = std::move(*normalizer),
        .pretokenizer = std::move(*pretokenizer),
        .decoder = std::move(*decoder),
        .ids_before = std::move(around.before),
        .ids_behind = std::move(around.behind)
    };
}

}  // namespace capstan::text
