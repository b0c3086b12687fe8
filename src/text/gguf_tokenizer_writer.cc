#include "text/gguf_tokenizer_writer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "text/gguf_token_table.h"
#include "text/gguf_tokenizer_json.h"
#include "text/limits.h"
#include "text/probe_texts.h"
#include "text/sentence_piece_file.h"
#include "text/tokenizer_folder.h"

namespace capstan::text {
namespace {

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Result<GgufTokenizer> read_tokenizer_json(const std::filesystem::path& file, std::size_t rows) {
    const auto text = read_file(file, kTokenizerFileBytesMax);
    const auto json = text ? parse_json(*text, 64) : Result<Json>(text.error());
    return json ? gguf_tokenizer_of_json(*json, rows) : json.error();
}

Result<GgufTokenizer> read_pieces(const std::filesystem::path& file, const Json& config, std::size_t rows) {
    const auto bytes = read_file(file, kTokenizerFileBytesMax);
    const auto read = bytes ? read_sentence_piece_file(*bytes) : Result<SentencePieceFile>(bytes.error());
    if (!read) {
        return read.error();
    }
    if (read->spec.is_unigram) {
        return invalid("it is a Unigram model; only BPE can be written");
    }
    if (read->spec.joins_spaces || !read->spec.charsmap.empty()) {
        return invalid(fmt::format(
            "'{}' changes text before it is cut, which a GGUF file of BPE cannot ask for",
            read->spec.joins_spaces ? "remove_extra_whitespaces" : "precompiled_charsmap"
        ));
    }
    GgufTokenTable table("llama", rows);
    GgufTokenizer& metadata = table.metadata();
    metadata.pre = "default";
    metadata.scores.assign(rows, kScoreOfUnmerged);
    metadata.bos_id = read->bos_id;
    metadata.eos_id = read->eos_id;
    metadata.unknown_id = read->spec.unknown_id;
    for (std::size_t id = 0; id < read->spec.pieces.size(); ++id) {
        const Piece& piece = read->spec.pieces[id];
        if (auto placed = table.place(static_cast<std::int64_t>(id), piece.text, piece.type); !placed) {
            return placed.error();
        }
        metadata.scores[id] = piece.score;
    }
    const auto added = added_tokens_of(config);
    if (!added) {
        return added.error();
    }
    for (const AddedToken& token : *added) {
        if (token.id == metadata.unknown_id) {
            continue;
        }
        if (auto placed = table.place_added(token.id, token.content, token.special); !placed) {
            return placed.error();
        }
    }
    return table.take();
}

Result<GgufTokenizer> read_merged(const std::filesystem::path& folder, const Json& config, std::size_t rows) {
    auto read = read_vocabulary_and_merges(folder, config);
    if (!read) {
        return read.error();
    }
    GgufTokenTable table(read->model, rows);
    for (std::size_t id = 0; id < read->tokens.size(); ++id) {
        const auto type = static_cast<PieceType>(read->types[id]);
        const bool is_normal = type == PieceType::kNormal;
        const auto at = static_cast<std::int64_t>(id);
        auto placed = is_normal ? table.place(at, read->tokens[id], type)
                                : table.place_added(at, read->tokens[id], type == PieceType::kControl);
        if (!placed) {
            return placed.error();
        }
    }
    table.metadata().pre = read->pre;
    table.metadata().merges = std::move(read->merges);
    return table.take();
}

Result<GgufTokenizer> read_folder(const std::filesystem::path& folder, const Json& config, std::size_t rows) {
    std::error_code ignored;
    const auto named = [&](std::string_view name, Result<GgufTokenizer> read) {
        return read ? std::move(read) : with_context((folder / name).string(), read.error());
    };
    if (std::filesystem::exists(folder / "tokenizer.json", ignored)) {
        return named("tokenizer.json", read_tokenizer_json(folder / "tokenizer.json", rows));
    }
    if (std::filesystem::exists(folder / "tokenizer.model", ignored)) {
        return named("tokenizer.model", read_pieces(folder / "tokenizer.model", config, rows));
    }
    if (std::filesystem::exists(folder / "vocab.json", ignored)) {
        return named("vocab.json", read_merged(folder, config, rows));
    }
    return Error{
        ErrorCode::kNotFound,
        fmt::format("'{}' has no tokenizer.json, tokenizer.model or vocab.json", folder.string())
    };
}

void take_special_tokens(const Tokenizer& tokenizer, const Json& config, GgufTokenizer& metadata) {
    const auto take = [&](std::string_view name, std::optional<std::int32_t>& id) {
        const auto found = tokenizer.id_of(token_named(config, name, ""));
        if (found && static_cast<std::size_t>(*found) < metadata.tokens.size()) {
            id = found;
        }
    };
    take("bos_token", metadata.bos_id);
    take("eos_token", metadata.eos_id);
    take("pad_token", metadata.padding_id);
    if (!metadata.unknown_id) {
        take("unk_token", metadata.unknown_id);
    }
}

// What the folder's tokenizer puts around a text: nothing, or one token on a side.
Result<void> take_surroundings(const Tokenizer& tokenizer, GgufTokenizer& metadata) {
    const std::vector<std::int32_t> plain = tokenizer.encode("a");
    const std::vector<std::int32_t> whole = tokenizer.encode("a", {.add_special_tokens = true});
    const auto inside = std::ranges::search(whole, plain);
    const std::vector<std::int32_t> before(whole.begin(), inside.begin());
    const std::vector<std::int32_t> behind(inside.end(), whole.end());
    metadata.bos_id = !before.empty() && !metadata.bos_id ? before.front() : metadata.bos_id;
    metadata.eos_id = !behind.empty() && !metadata.eos_id ? behind.front() : metadata.eos_id;
    const auto fits = [](const std::vector<std::int32_t>& ids, std::optional<std::int32_t> id) {
        return ids.empty() || (ids.size() == 1 && ids.front() == id);
    };
    if (!fits(before, metadata.bos_id) || !fits(behind, metadata.eos_id)) {
        return invalid(
            "'post_processor' puts other tokens around a text than one bos_token before and one eos_token "
            "behind"
        );
    }
    metadata.add_bos = !before.empty();
    metadata.add_eos = !behind.empty();
    return {};
}

// A file that gives a token two ids is read with the model's, whatever it says of the added one.
Result<void> check_added_tokens_of(const Tokenizer& tokenizer, const GgufTokenizer& metadata) {
    for (std::size_t id = 0; id < metadata.tokens.size(); ++id) {
        const auto type = static_cast<PieceType>(metadata.types[id]);
        const bool is_added = type == PieceType::kControl || type == PieceType::kUserDefined;
        if (is_added && tokenizer.id_of(metadata.tokens[id]) != static_cast<std::int32_t>(id)) {
            return invalid(fmt::format("the added token '{}' has two ids", metadata.tokens[id].substr(0, 80))
            );
        }
    }
    return {};
}

bool gives_the_same_ids(const Tokenizer& wanted, const GgufTokenizer& metadata) {
    const auto made = tokenizer_from_gguf(metadata);
    const bool adds_space = metadata.add_space_prefix.value_or(false);
    return made && std::ranges::all_of(probe_texts(), [&](std::string_view text) {
               const EncodeOptions options = {.add_special_tokens = true};
               // Metaspace puts no space before one; the format cannot say that.
               return (adds_space && text.starts_with(' ')) ||
                      made->encode(text, options) == wanted.encode(text, options);
           });
}

}  // namespace

Result<GgufTokenizer> gguf_tokenizer_of_folder(const std::filesystem::path& folder, std::size_t rows) {
    const auto tokenizer = Tokenizer::load(folder);
    if (!tokenizer) {
        return tokenizer.error();
    }
    const auto config = read_tokenizer_config(folder);
    if (!config) {
        return config.error();
    }
    auto metadata = read_folder(folder, *config, rows);
    if (!metadata) {
        return metadata.error();
    }
    take_special_tokens(*tokenizer, *config, *metadata);
    if (auto good = check_added_tokens_of(*tokenizer, *metadata); !good) {
        return with_context(folder.string(), good.error());
    }
    if (auto good = take_surroundings(*tokenizer, *metadata); !good) {
        return with_context(folder.string(), good.error());
    }
    // Which of the several ways to write it a tokenizer.json has, only its ids tell.
    for (const bool adds_space : {true, false}) {
        if (metadata->model == "llama") {
            metadata->add_space_prefix = adds_space;
        }
        if (gives_the_same_ids(*tokenizer, *metadata)) {
            return metadata;
        }
    }
    return invalid(fmt::format(
        "{}: the tokenizer's 'normalizer', 'pre_tokenizer' or 'merges' do what no GGUF file can ask for: its "
        "ids "
        "differ on a text",
        folder.string()
    ));
}

}  // namespace capstan::text
