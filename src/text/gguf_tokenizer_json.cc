#include "text/gguf_tokenizer_json.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "text/gguf_pretokenizer.h"
#include "text/gguf_token_table.h"

namespace capstan::text {
namespace {

constexpr std::string_view kMark = "\u2581";

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

// Calls take(left, right) for each merge; "a b" in older files, ["a", "b"] in newer ones. That they are right
// has been checked where the tokenizer was read.
template <typename Take>
Result<void> for_each_merge(const Json& merges, const Take& take) {
    const Json::Array* items = merges.as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        const Json& merge = (*items)[i];
        if (const std::string* text = merge.as_string()) {
            const std::size_t space = text->find(' ');
            if (!text->starts_with("#version") && space != std::string::npos) {
                if (auto taken = take(text->substr(0, space), text->substr(space + 1)); !taken) {
                    return taken;
                }
            }
        } else if (const Json::Array* pair = merge.as_array(); pair != nullptr && pair->size() == 2) {
            const std::string* left = (*pair)[0].as_string();
            const std::string* right = (*pair)[1].as_string();
            if (left != nullptr && right != nullptr) {
                if (auto taken = take(*left, *right); !taken) {
                    return taken;
                }
            }
        }
    }
    return {};
}

Result<void> place_vocabulary(const Json& json, GgufTokenTable& table) {
    const Json::Object* vocabulary = json["model"]["vocab"].as_object();
    for (std::size_t i = 0; vocabulary != nullptr && i < vocabulary->size(); ++i) {
        const auto& [token, id] = (*vocabulary)[i];
        if (auto placed = table.place(id.as_int().value_or(-1), token, PieceType::kNormal); !placed) {
            return placed;
        }
    }
    return {};
}

Result<GgufTokenizer> byte_level_of(const Json& json, const Pretokenizer& pretokenizer, std::size_t rows) {
    const auto normalizer = Normalizer::read(json["normalizer"]);
    if (!normalizer) {
        return normalizer.error();
    }
    const bool ignore_merges = json["model"].bool_or("ignore_merges", false);
    const auto pre = gguf_pretokenizer_name(*normalizer, pretokenizer, ignore_merges);
    if (!pre) {
        return invalid(
            "'pre_tokenizer' with 'normalizer' and 'ignore_merges' cuts words as no 'tokenizer.ggml.pre' does"
        );
    }
    GgufTokenTable table("gpt2", rows);
    table.metadata().pre = *pre;
    if (auto placed = place_vocabulary(json, table); !placed) {
        return placed.error();
    }
    const Json::Array* added = json["added_tokens"].as_array();
    for (std::size_t i = 0; added != nullptr && i < added->size(); ++i) {
        const Json& token = (*added)[i];
        const bool is_special = token.bool_or("special", false);
        if (auto placed =
                table.place_added(token.int_or("id", -1), token.string_or("content", ""), is_special);
            !placed) {
            return placed.error();
        }
    }
    auto read =
        for_each_merge(json["model"]["merges"], [&](const std::string& left, const std::string& right) {
            if (left.contains(' ') || right.contains(' ')) {
                return Result<void>(invalid(fmt::format("the merge of '{}' and '{}' has a space", left, right)
                ));
            }
            table.metadata().merges.push_back(fmt::format("{} {}", left, right));
            return Result<void>();
        });
    return read ? Result<GgufTokenizer>(table.take()) : read.error();
}

bool is_byte(std::string_view token) {
    return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

std::size_t characters_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

// SentencePiece merges the pair whose token has the highest score: the number of a token's first merge,
// negative, is such a score. A token that no merge makes is never made here either, so it must not be one of
// those.
Result<void> add_scores(const Json& merges, GgufTokenizer& metadata) {
    metadata.scores.assign(metadata.tokens.size(), kScoreOfUnmerged);
    std::unordered_map<std::string_view, std::size_t> ids;
    for (std::size_t id = 0; id < metadata.tokens.size(); ++id) {
        ids.emplace(metadata.tokens[id], id);
    }
    float score = 0;
    auto read = for_each_merge(merges, [&](const std::string& left, const std::string& right) {
        if (const auto made = ids.find(left + right); made != ids.end()) {
            float& slot = metadata.scores[made->second];
            slot = slot == kScoreOfUnmerged ? score : slot;
        }
        score -= 1;
        return Result<void>();
    });
    for (std::size_t id = 0; id < metadata.tokens.size(); ++id) {
        const bool is_normal = metadata.types[id] == static_cast<std::int32_t>(PieceType::kNormal);
        if (is_normal && metadata.scores[id] == kScoreOfUnmerged && characters_of(metadata.tokens[id]) > 1) {
            metadata.types[id] = static_cast<std::int32_t>(PieceType::kUnused);
        }
    }
    return read;
}

Result<GgufTokenizer> scored_of(const Json& json, std::size_t rows) {
    const Json& model = json["model"];
    if (!model.bool_or("byte_fallback", false)) {
        return invalid("'model' is BPE of characters without 'byte_fallback', which no GGUF file has");
    }
    GgufTokenTable table("llama", rows);
    table.metadata().pre = "default";
    if (auto placed = place_vocabulary(json, table); !placed) {
        return placed.error();
    }
    if (auto added = add_scores(model["merges"], table.metadata()); !added) {
        return added.error();
    }
    GgufTokenizer& metadata = table.metadata();
    const std::string unknown = model.string_or("unk_token", "");
    for (std::size_t id = 0; id < rows; ++id) {
        if (!unknown.empty() && metadata.tokens[id] == unknown) {
            metadata.unknown_id = static_cast<std::int32_t>(id);
            metadata.types[id] = static_cast<std::int32_t>(PieceType::kUnknown);
        } else if (is_byte(metadata.tokens[id])) {
            metadata.types[id] = static_cast<std::int32_t>(PieceType::kByte);
        }
    }
    const Json::Array* added = json["added_tokens"].as_array();
    for (std::size_t i = 0; added != nullptr && i < added->size(); ++i) {
        const Json& token = (*added)[i];
        const std::int64_t id = token.int_or("id", -1);
        const std::string content = token.string_or("content", "");
        // Runs of spaces that merges make, too, are better found by them: raw text has no marks.
        const bool is_merged = id >= 0 && id < std::ssize(metadata.tokens) && content.contains(kMark) &&
                               metadata.scores[static_cast<std::size_t>(id)] != kScoreOfUnmerged;
        if (id == metadata.unknown_id.value_or(-1) || is_merged) {
            continue;
        }
        if (auto placed = table.place_added(id, content, token.bool_or("special", false)); !placed) {
            return placed.error();
        }
    }
    return table.take();
}

}  // namespace

Result<GgufTokenizer> gguf_tokenizer_of_json(const Json& json, std::size_t rows) {
    const Json& model = json["model"];
    const std::string type = model.string_or("type", model.contains("merges") ? "BPE" : "");
    if (type != "BPE") {
        return invalid(fmt::format("'model' is {}; only BPE can be written", type.substr(0, 80)));
    }
    for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
        if (!model.string_or(key, "").empty()) {
            return invalid(fmt::format("'{}' has no place in a GGUF file", key));
        }
    }
    const auto pretokenizer = Pretokenizer::read(json["pre_tokenizer"]);
    if (!pretokenizer) {
        return pretokenizer.error();
    }
    return pretokenizer->is_byte_level() ? byte_level_of(json, *pretokenizer, rows) : scored_of(json, rows);
}

}  // namespace capstan::text
