#include "text/tokenizer_writer.h"

#include "base/file.h"

namespace capstan::text {
namespace {

Json byte_level() {
    return Json::object(
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}
    );
}

Json added_token(std::size_t id, const std::string& content) {
    return Json::object(
        {{"id", id},
         {"content", content},
         {"single_word", false},
         {"lstrip", false},
         {"rstrip", false},
         {"normalized", false},
         {"special", true}}
    );
}

}  // namespace

Json tokenizer_json(const BpeVocabulary& vocabulary) {
    Json::Array added;
    Json vocab = Json::object();
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        vocab.as_object()->emplace_back(vocabulary.tokens[id], Json(id));  // `set` would compare all names.
        if (id < vocabulary.special_tokens) {
            added.push_back(added_token(id, vocabulary.tokens[id]));
        }
    }
    Json::Array merges;
    for (const auto& [left, right] : vocabulary.merges) {
        merges.push_back(Json::array(
            {vocabulary.tokens[static_cast<std::size_t>(left)],
             vocabulary.tokens[static_cast<std::size_t>(right)]}
        ));
    }
    Json model = Json::object(
        {{"type", "BPE"},
         {"dropout", nullptr},
         {"unk_token", nullptr},
         {"continuing_subword_prefix", nullptr},
         {"end_of_word_suffix", nullptr},
         {"fuse_unk", false},
         {"byte_fallback", false},
         {"ignore_merges", false},
         {"vocab", std::move(vocab)},
         {"merges", std::move(merges)}}
    );
    return Json::object(
        {{"version", "1.0"},
         {"truncation", nullptr},
         {"padding", nullptr},
         {"added_tokens", std::move(added)},
         {"normalizer", nullptr},
         {"pre_tokenizer", byte_level()},
         {"post_processor", byte_level()},
         {"decoder", byte_level()},
         {"model", std::move(model)}}
    );
}

Json tokenizer_config_json(const TokenizerConfig& config) {
    Json json = Json::object(
        {{"add_bos_token", false},
         {"add_eos_token", false},
         {"add_prefix_space", false},
         {"bos_token", config.bos_token},
         {"eos_token", config.eos_token},
         {"pad_token", config.eos_token},
         {"clean_up_tokenization_spaces", false},
         {"model_max_length", config.context_tokens},
         {"tokenizer_class", "PreTrainedTokenizerFast"}}
    );
    if (!config.chat_template.empty()) {
        json.set("chat_template", config.chat_template);
    }
    return json;
}

Result<void> write_tokenizer(
    const std::filesystem::path& folder, const BpeVocabulary& vocabulary, const TokenizerConfig& config
) {
    if (auto written = replace_file(folder / "tokenizer.json", tokenizer_json(vocabulary).dump_pretty());
        !written) {
        return written;
    }
    return replace_file(folder / "tokenizer_config.json", tokenizer_config_json(config).dump_pretty());
}

}  // namespace capstan::text
