#include "text/tokenizer_folder.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "text/limits.h"
#include "text/sentence_piece_file.h"
#include "text/tokenizer_reader.h"

namespace capstan::text {
namespace {

constexpr std::int32_t kControl = 3;  // Of GgufTokenizer::types.
constexpr std::int32_t kUserDefined = 4;

Result<Json> read_json_file(const std::filesystem::path& file) {
    const auto text = read_file(file, kTokenizerFileBytesMax);
    if (!text) {
        return text.error();
    }
    auto json = parse_json(*text, 64);
    return json ? std::move(json) : with_context(file.string(), json.error());
}

}  // namespace

Result<Json> read_tokenizer_config(const std::filesystem::path& folder) {
    auto config = read_json_file(folder / "tokenizer_config.json");
    if (!config && config.error().code == ErrorCode::kNotFound) {
        return Json::object();
    }
    return config;
}

std::string token_named(const Json& config, std::string_view name, std::string_view otherwise) {
    const Json& value = config[name];  // {"content": …} in newer files.
    return value.is_object() ? value.string_or("content", otherwise) : config.string_or(name, otherwise);
}

Result<std::vector<AddedToken>> added_tokens_of(const Json& config) {
    std::vector<AddedToken> tokens;
    const Json::Object* members = config["added_tokens_decoder"].as_object();  // By ids as text.
    for (std::size_t i = 0; members != nullptr && i < members->size(); ++i) {
        const auto& [name, token] = (*members)[i];
        std::size_t id = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
        if (error != std::errc() || end != name.data() + name.size() || id >= kVocabularySizeMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tokenizer_config.json: added_tokens_decoder has the id '{}'", name.substr(0, 80))
            };
        }
        const bool special = token.bool_or("special", false);
        tokens.push_back(
            {.id = static_cast<std::int32_t>(id),
             .content = token.string_or("content", ""),
             .special = special,
             .single_word = token.bool_or("single_word", false),
             .lstrip = token.bool_or("lstrip", false),
             .rstrip = token.bool_or("rstrip", false),
             .normalized = token.bool_or("normalized", !special)}
        );
    }
    if (auto checked = check_added_tokens(tokens); !checked) {
        return with_context("tokenizer_config.json", checked.error());
    }
    return tokens;
}

namespace {

// Those of the configuration take the place of those of the same id.
void merge_added_tokens(std::vector<AddedToken> wanted, std::vector<AddedToken>& tokens) {
    for (AddedToken& token : wanted) {
        std::erase_if(tokens, [&](const AddedToken& t) { return t.id == token.id; });
        tokens.push_back(std::move(token));
    }
}

Result<Tokenizer> assembled(TokenizerParts parts, const Json& config) {
    auto added = added_tokens_of(config);
    if (!added) {
        return added.error();
    }
    merge_added_tokens(std::move(*added), parts.added_tokens);
    return Tokenizer::assemble(std::move(parts));
}

// XLM-RoBERTa numbers its pieces as fairseq does: four special ones of its own come first, a mask last.
void number_as_fairseq(SentencePieceFile& file) {
    std::vector<Piece> pieces = {
        {.text = "<s>", .type = PieceType::kControl},
        {.text = "<pad>", .type = PieceType::kControl},
        {.text = "</s>", .type = PieceType::kControl},
        {.text = "<unk>", .type = PieceType::kUnknown}
    };
    constexpr std::size_t kReplaced = 3;
    auto& old = file.spec.pieces;
    const auto begin = old.begin() + static_cast<std::ptrdiff_t>(std::min(kReplaced, old.size()));
    pieces.insert(pieces.end(), std::move_iterator(begin), std::move_iterator(old.end()));
    pieces.push_back({.text = "<mask>", .type = PieceType::kControl});
    old = std::move(pieces);
    file.bos_id = 0;
    file.eos_id = 2;
    file.spec.unknown_id = 3;
}

Result<Tokenizer> load_sentence_piece(const std::filesystem::path& file, const Json& config) {
    const auto bytes = read_file(file, kTokenizerFileBytesMax);
    if (!bytes) {
        return bytes.error();
    }
    auto read = read_sentence_piece_file(*bytes);
    if (!read) {
        return read.error();
    }
    const std::string type = config.string_or("tokenizer_class", "");
    if (type.starts_with("XLMRoberta")) {
        number_as_fairseq(*read);
        read->spec.post_processor = PostProcessor::roberta(*read->bos_id, *read->eos_id);
    } else {
        // Llama's kind begins texts with <s>, T5's ends them with </s>.
        const bool is_unigram = read->spec.is_unigram;
        std::vector<std::int32_t> before;
        std::vector<std::int32_t> behind;
        if (read->bos_id && config.bool_or("add_bos_token", !is_unigram)) {
            before.push_back(*read->bos_id);
        }
        if (read->eos_id && config.bool_or("add_eos_token", is_unigram)) {
            behind.push_back(*read->eos_id);
        }
        read->spec.post_processor = PostProcessor::around(before, behind);
    }
    auto parts = assemble_sentence_piece(std::move(read->spec));
    return parts ? assembled(std::move(*parts), config) : Result<Tokenizer>(parts.error());
}

// Calls on_line(line) for each line, without its end; on_line gives a Result<void>.
template <typename OnLine>
Result<void> read_lines(std::string_view text, const OnLine& on_line) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line.remove_suffix(line.ends_with('\r') ? 1 : 0);
        if (auto taken = on_line(line); !taken) {
            return taken;
        }
    }
    return {};
}

// The id is the number of the line.
Result<Tokenizer> load_vocabulary_text(const std::filesystem::path& file, const Json& config) {
    const auto text = read_file(file, kTokenizerFileBytesMax);
    if (!text) {
        return text.error();
    }
    WordPieceSpec spec{.unknown_token = token_named(config, "unk_token", "[UNK]")};
    auto read = read_lines(*text, [&](std::string_view line) { return spec.vocabulary.append(line); });
    if (!read) {
        return read.error();
    }
    std::vector<AddedToken> added;
    std::int32_t cls = -1;
    std::int32_t separator = -1;
    for (const auto& [name, otherwise] :
         {std::pair("unk_token", "[UNK]"),
          std::pair("pad_token", "[PAD]"),
          std::pair("mask_token", "[MASK]"),
          std::pair("cls_token", "[CLS]"),
          std::pair("sep_token", "[SEP]")}) {
        const std::string token = token_named(config, name, otherwise);
        const std::int32_t id = spec.vocabulary.id_of(token);
        if (id >= 0 && !token.empty()) {
            added.push_back({.id = id, .content = token, .special = true, .normalized = false});
        }
        cls = std::string_view(name) == "cls_token" ? id : cls;
        separator = std::string_view(name) == "sep_token" ? id : separator;
    }
    auto model = WordPieceModel::build(std::move(spec));
    if (!model) {
        return model.error();
    }
    if (cls < 0 || separator < 0) {
        return Error{ErrorCode::kInvalid, "cls_token and sep_token must be in the vocabulary"};
    }
    if (auto checked = check_added_tokens(added); !checked) {
        return checked.error();
    }
    const bool lower_cases = config.bool_or("do_lower_case", true);
    return assembled(
        {.model = TokenModel(std::move(*model)),
         .added_tokens = std::move(added),
         .normalizer = Normalizer::bert(
             {.spaces_around_han = config.bool_or("tokenize_chinese_chars", true),
              .strips_accents = config.bool_or("strip_accents", lower_cases),
              .lower_cases = lower_cases}
         ),
         .pretokenizer = Pretokenizer::bert(),
         .decoder = TokenDecoder::word_piece(),
         .post_processor = PostProcessor::bert(cls, separator)},
        config
    );
}

}  // namespace

Result<GgufTokenizer> read_vocabulary_and_merges(const std::filesystem::path& folder, const Json& config) {
    const auto vocabulary = read_json_file(folder / "vocab.json");
    const auto merges = read_file(folder / "merges.txt", kTokenizerFileBytesMax);
    if (!vocabulary || !merges) {
        return vocabulary ? merges.error() : vocabulary.error();
    }
    const bool is_qwen = config.string_or("tokenizer_class", "").starts_with("Qwen2");
    GgufTokenizer metadata{.model = "gpt2", .pre = is_qwen ? "qwen2" : "gpt-2"};
    const auto place = [&](std::size_t id, const std::string& token, std::int32_t type) {
        if (metadata.tokens.size() <= id) {
            metadata.tokens.resize(id + 1);
            metadata.types.resize(id + 1, 1);
        }
        metadata.tokens[id] = token;
        metadata.types[id] = type;
    };
    const Json::Object* members = vocabulary->as_object();
    for (std::size_t i = 0; members != nullptr && i < members->size(); ++i) {
        const auto& [token, value] = (*members)[i];
        const auto id = value.as_int();
        if (!id || *id < 0 || *id >= static_cast<std::int64_t>(kVocabularySizeMax)) {
            return Error{
                ErrorCode::kInvalid, fmt::format("vocab.json: token '{}' has no id", token.substr(0, 80))
            };
        }
        place(static_cast<std::size_t>(*id), token, token == "<|endoftext|>" ? kControl : 1);
    }
    auto added = added_tokens_of(config);
    if (!added) {
        return added.error();
    }
    for (const AddedToken& token : *added) {
        place(static_cast<std::size_t>(token.id), token.content, token.special ? kControl : kUserDefined);
    }
    auto read = read_lines(*merges, [&](std::string_view line) -> Result<void> {
        if (!line.empty() && !line.starts_with("#version")) {
            metadata.merges.emplace_back(line);
        }
        return {};
    });
    return read ? Result<GgufTokenizer>(std::move(metadata)) : read.error();
}

namespace {

Result<Tokenizer> load_vocabulary_and_merges(const std::filesystem::path& folder, const Json& config) {
    auto metadata = read_vocabulary_and_merges(folder, config);
    return metadata ? tokenizer_from_gguf(std::move(*metadata)) : Result<Tokenizer>(metadata.error());
}

}  // namespace

Result<Tokenizer> load_tokenizer_folder(const std::filesystem::path& folder) {
    std::error_code no_error_wanted;
    const auto is_there = [&](std::string_view name) {
        return std::filesystem::exists(folder / name, no_error_wanted);
    };
    const auto named = [&](std::string_view name, Result<Tokenizer> tokenizer) {
        return tokenizer ? std::move(tokenizer)
                         : Result<Tokenizer>(with_context((folder / name).string(), tokenizer.error()));
    };
    if (is_there("tokenizer.json")) {
        return Tokenizer::load(folder / "tokenizer.json");
    }
    const auto config = read_tokenizer_config(folder);
    if (!config) {
        return config.error();
    }
    for (const std::string_view name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}) {
        if (is_there(name)) {
            return named(name, load_sentence_piece(folder / name, *config));
        }
    }
    if (is_there("vocab.txt")) {
        return named("vocab.txt", load_vocabulary_text(folder / "vocab.txt", *config));
    }
    if (is_there("vocab.json")) {
        return named("vocab.json", load_vocabulary_and_merges(folder, *config));
    }
    return Error{
        ErrorCode::kNotFound,
        fmt::format("{} has no tokenizer.json, tokenizer.model, vocab.txt or vocab.json", folder.string())
    };
}

}  // namespace capstan::text
