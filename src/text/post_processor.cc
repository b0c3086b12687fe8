#include "text/post_processor.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "text/limits.h"

namespace capstan::text {
namespace {

constexpr int kDepthMax = 8;

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

Result<std::vector<PostProcessor::Piece>> read_pieces(const Json& json, const Json& special_tokens) {
    using What = PostProcessor::What;
    std::vector<PostProcessor::Piece> pieces;
    const Json::Array* items = json.as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        const Json& item = (*items)[i];
        const Json& sequence = item["Sequence"];
        const Json& special = item["SpecialToken"];
        const std::int64_t type_id = (sequence.is_object() ? sequence : special).int_or("type_id", 0);
        if (type_id < 0 || type_id > 1) {
            return invalid(fmt::format("type_id is {}; 0 and 1 are possible", type_id));
        }
        PostProcessor::Piece piece{.type_id = static_cast<std::int32_t>(type_id)};
        if (sequence.is_object()) {
            piece.what = sequence.string_or("id", "A") == "B" ? What::kSecond : What::kFirst;
            pieces.push_back(piece);
            continue;
        }
        const std::string name = special.string_or("id", "");
        const Json::Array* ids = special_tokens[name]["ids"].as_array();
        if (ids == nullptr) {
            return invalid(fmt::format("special token '{}' has no ids", name.substr(0, 80)));
        }
        for (const Json& value : *ids) {
            const auto id = read_id(value, name);
            if (!id) {
                return id.error();
            }
            piece.id = *id;
            pieces.push_back(piece);
        }
    }
    if (pieces.size() > kStepsMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("more than {} pieces", kStepsMax)};
    }
    return pieces;
}

}  // namespace

Result<PostProcessor> PostProcessor::read(const Json& json) {
    PostProcessor processor;
    if (auto added = processor.add(json, 0); !added) {
        return with_context("post_processor", added.error());
    }
    return processor;
}

PostProcessor PostProcessor::around(
    std::span<const std::int32_t> before, std::span<const std::int32_t> behind
) {
    PostProcessor processor;
    processor.pair_.clear();
    processor.single_.clear();
    const auto add_text = [&](std::vector<Piece>& pieces, What what, std::int32_t type_id) {
        for (const std::int32_t id : before) {
            pieces.push_back({.id = id, .type_id = type_id});
        }
        pieces.push_back({.what = what, .type_id = type_id});
        for (const std::int32_t id : behind) {
            pieces.push_back({.id = id, .type_id = type_id});
        }
    };
    add_text(processor.single_, What::kFirst, 0);
    add_text(processor.pair_, What::kFirst, 0);
    add_text(processor.pair_, What::kSecond, 1);
    return processor;
}

Result<void> PostProcessor::add(const Json& json, int depth) {
    const std::string type = json.string_or("type", "");
    if (json.is_null() || type == "ByteLevel") {
        return {};
    }
    if (type == "Sequence" && depth < kDepthMax) {
        const Json::Array* parts = json["processors"].as_array();
        for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
            if (auto added = add((*parts)[i], depth + 1); !added) {
                return added;
            }
        }
        return {};
    }
    const bool is_roberta = type == "RobertaProcessing";
    if (type != "TemplateProcessing" && type != "BertProcessing" && !is_roberta) {
        return invalid(fmt::format("type '{}' is not supported", type.substr(0, 80)));
    }
    if (adds_tokens_) {
        return invalid("two of a Sequence add tokens; one may");
    }
    adds_tokens_ = true;
    return type == "TemplateProcessing" ? add_template(json) : add_bert(json, is_roberta);
}

Result<void> PostProcessor::add_template(const Json& json) {
    auto single = read_pieces(json["single"], json["special_tokens"]);
    if (!single) {
        return single.error();
    }
    single_ = std::move(*single);
    if (json["pair"].is_array()) {
        auto pair = read_pieces(json["pair"], json["special_tokens"]);
        if (!pair) {
            return pair.error();
        }
        pair_ = std::move(*pair);
    }
    return {};
}

Result<void> PostProcessor::add_bert(const Json& json, bool is_roberta) {
    std::int32_t ids[2] = {};
    for (const std::size_t i : {0U, 1U}) {
        const std::string_view name = i == 0 ? "cls" : "sep";
        const Json::Array* pair = json[name].as_array();
        const auto id = read_id(pair != nullptr && pair->size() == 2 ? (*pair)[1] : Json(), name);
        if (!id) {
            return id.error();
        }
        ids[i] = *id;
    }
    *this = is_roberta ? roberta(ids[0], ids[1]) : bert(ids[0], ids[1]);
    adds_tokens_ = true;
    return {};
}

PostProcessor PostProcessor::bert(std::int32_t cls, std::int32_t sep) {
    PostProcessor processor;
    processor.single_ = {{.id = cls}, {.what = What::kFirst}, {.id = sep}};
    processor.pair_ = processor.single_;
    processor.pair_.push_back({.what = What::kSecond, .type_id = 1});
    processor.pair_.push_back({.id = sep, .type_id = 1});
    return processor;
}

PostProcessor PostProcessor::roberta(std::int32_t cls, std::int32_t sep) {
    PostProcessor processor;
    processor.single_ = {{.id = cls}, {.what = What::kFirst}, {.id = sep}};
    processor.pair_ = processor.single_;
    processor.pair_.push_back({.id = sep});
    processor.pair_.push_back({.what = What::kSecond});
    processor.pair_.push_back({.id = sep});
    return processor;
}

}  // namespace capstan::text
