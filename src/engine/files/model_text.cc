#include "engine/files/model_text.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/files/checkpoint.h"
#include "text/gguf_tokenizer.h"

namespace capstan::engine {
namespace {

constexpr std::string_view kTemplateKey = "tokenizer.chat_template";

Error wrong(std::string_view key, std::string_view expected) {
    return Error{ErrorCode::kInvalid, fmt::format("key '{}' must be {}", key, expected)};
}

// Takes keys below "tokenizer.ggml.", and remembers the first that is of another kind.
class Reader {
public:
    explicit Reader(const GgufFile& file) : file_(file) {}

    template <typename T, typename Stored>
    void list(
        std::string_view key,
        std::optional<std::vector<Stored>> (GgufValue::*read)() const,
        std::vector<T>& out
    ) {
        if (const GgufValue* value = find(key)) {
            const auto items = (value->*read)();
            if (!items) {
                fail(key, "an array of one kind");
                return;
            }
            out.reserve(items->size());
            for (const Stored& item : *items) {
                out.push_back(static_cast<T>(item));
            }
        }
    }

    void id(std::string_view key, std::optional<std::int32_t>& out) {
        if (const GgufValue* value = find(key)) {
            const auto number = value->as_int();
            if (!number || *number < -1 || *number > INT32_MAX) {
                fail(key, "a token's id");
            } else if (*number >= 0) {
                out = static_cast<std::int32_t>(*number);
            }
        }
    }

    void flag(std::string_view key, std::optional<bool>& out) {
        if (const GgufValue* value = find(key)) {
            out = value->as_bool();
            if (!out) {
                fail(key, "true or false");
            }
        }
    }

    std::string text(std::string_view key) const {
        return file_.string_or(fmt::format("tokenizer.ggml.{}", key), "");
    }

    // An array of bytes.
    std::string bytes(std::string_view key) {
        const GgufValue* value = find(key);
        if (value == nullptr) {
            return "";
        }
        if (value->type != GgufType::kArray ||
            (value->element_type != GgufType::kU8 && value->element_type != GgufType::kI8)) {
            fail(key, "an array of bytes");
            return "";
        }
        return std::string(value->bytes);
    }

    const std::optional<Error>& error() const { return error_; }

private:
    const GgufValue* find(std::string_view key) const {
        return file_.find(fmt::format("tokenizer.ggml.{}", key));
    }

    void fail(std::string_view key, std::string_view expected) {
        if (!error_) {
            error_ = wrong(fmt::format("tokenizer.ggml.{}", key), expected);
        }
    }

    const GgufFile& file_;
    std::optional<Error> error_;
};

// The text of the token that a key names; empty when there is none.
std::string token_of(const GgufFile& file, std::string_view key) {
    const GgufValue* tokens = file.find("tokenizer.ggml.tokens");
    const auto texts = tokens == nullptr ? std::nullopt : tokens->as_strings();
    const std::int64_t id = file.int_or(key, -1);
    if (!texts || id < 0 || id >= std::ssize(*texts)) {
        return "";
    }
    return std::string((*texts)[static_cast<std::size_t>(id)]);
}

}  // namespace

Result<text::Tokenizer> tokenizer_of(const GgufFile& file) {
    Reader reader(file);
    text::GgufTokenizer metadata;
    metadata.model = reader.text("model");
    metadata.pre = reader.text("pre");
    reader.list("tokens", &GgufValue::as_strings, metadata.tokens);
    reader.list("scores", &GgufValue::as_doubles, metadata.scores);
    reader.list("token_type", &GgufValue::as_ints, metadata.types);
    reader.list("merges", &GgufValue::as_strings, metadata.merges);
    metadata.charsmap = reader.bytes("precompiled_charsmap");
    reader.id("bos_token_id", metadata.bos_id);
    reader.id("eos_token_id", metadata.eos_id);
    reader.id("unknown_token_id", metadata.unknown_id);
    reader.id("seperator_token_id", metadata.separator_id);
    reader.id("cls_token_id", metadata.cls_id);
    reader.flag("add_bos_token", metadata.add_bos);
    reader.flag("add_eos_token", metadata.add_eos);
    reader.flag("add_space_prefix", metadata.add_space_prefix);
    reader.flag("remove_extra_whitespaces", metadata.joins_spaces);
    if (reader.error()) {
        return *reader.error();
    }
    return text::tokenizer_from_gguf(std::move(metadata));
}

Result<text::ChatTemplate> chat_template_of(const GgufFile& file) {
    std::map<std::string, std::string> sources;
    for (const auto& [key, value] : file.metadata()) {
        if (key != kTemplateKey && !key.starts_with(fmt::format("{}.", kTemplateKey))) {
            continue;
        }
        const auto text = value.as_string();
        if (!text) {
            return wrong(key, "a string");
        }
        const std::string name = key == kTemplateKey ? "default" : key.substr(kTemplateKey.size() + 1);
        sources.emplace(name, *text);
    }
    if (!sources.contains("default")) {
        return Error{ErrorCode::kNotFound, fmt::format("key '{}' is not there", kTemplateKey)};
    }
    return text::ChatTemplate::of(
        sources,
        {.bos = token_of(file, "tokenizer.ggml.bos_token_id"),
         .eos = token_of(file, "tokenizer.ggml.eos_token_id")}
    );
}

Result<text::Tokenizer> load_tokenizer(const std::filesystem::path& model) {
    const auto gguf = find_gguf(model);
    if (!gguf) {
        return text::Tokenizer::load(model);
    }
    const auto file = GgufFile::open(*gguf);
    if (!file) {
        return file.error();
    }
    auto tokenizer = tokenizer_of(*file);
    if (!tokenizer) {
        return with_context(fmt::format("GGUF file '{}'", gguf->string()), tokenizer.error());
    }
    return tokenizer;
}

Result<text::ChatTemplate> load_chat_template(const std::filesystem::path& model) {
    const auto gguf = find_gguf(model);
    if (!gguf) {
        return text::ChatTemplate::load(model);
    }
    const auto file = GgufFile::open(*gguf);
    if (!file) {
        return file.error();
    }
    return chat_template_of(*file);
}

}  // namespace capstan::engine
