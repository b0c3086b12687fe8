#include "engine/client/gguf_draft.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "engine/files/gguf_config.h"
#include "engine/files/gguf_text.h"
#include "engine/model/config_difference.h"
#include "engine/model/config_file.h"
#include "engine/model/weights.h"
#include "text/chat_template.h"
#include "text/gguf_tokenizer_writer.h"

namespace capstan::engine {
namespace {

GgufMetadata metadata_of(const GgufFile& file) {
    constexpr std::string_view kReplaced[] = {
        "general.file_type", "general.quantization_version", "general.alignment"
    };
    GgufMetadata metadata;
    for (const auto& [key, value] : file.metadata()) {
        if (std::ranges::find(kReplaced, key) == std::end(kReplaced) && !key.starts_with("split.")) {
            metadata.copy(key, value);
        }
    }
    return metadata;
}

Error wrong_tensor(std::string_view name, std::string_view why) {
    return Error{ErrorCode::kInvalid, fmt::format("tensor '{}' {}", name, why)};
}

Result<void> check_tensor(const Tensor* tensor, const TensorSpec& spec) {
    if (tensor == nullptr) {
        return wrong_tensor(spec.name, "is missing");
    }
    if (tensor->shape != spec.shape) {
        return wrong_tensor(
            spec.name,
            fmt::format(
                "has shape {}; the configuration asks for {}",
                shape_text(tensor->shape),
                shape_text(spec.shape)
            )
        );
    }
    if (!gguf_number_of(tensor->type)) {
        return wrong_tensor(spec.name, fmt::format("is {}, which cannot be read", name_of(tensor->type)));
    }
    return {};
}

// The tokens that end an answer: GGUF has a name for each of three.
Result<void> add_end_tokens(
    GgufMetadata& metadata, const ModelConfig& config, text::GgufTokenizer& tokenizer
) {
    if (!tokenizer.eos_id && !config.end_tokens.empty()) {
        tokenizer.eos_id = config.end_tokens.front();
    }
    constexpr std::string_view kKeys[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
    std::size_t used = 0;
    for (const llm::TokenId token : config.end_tokens) {
        if (token == tokenizer.eos_id) {
            continue;
        }
        if (used == std::size(kKeys)) {
            return Error{
                ErrorCode::kInvalid,
                "config.json: 'eos_token_id' has more than the 3 tokens that GGUF can name"
            };
        }
        metadata.add(kKeys[used++], static_cast<std::uint32_t>(token));
    }
    return {};
}

Result<void> take_bos(const ModelConfig& config, text::GgufTokenizer& tokenizer) {
    if (tokenizer.bos_id && config.bos && *tokenizer.bos_id != *config.bos) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "config.json: 'bos_token_id' is {}, but tokenizer_config.json's bos_token is {}: GGUF has "
                "one",
                *config.bos,
                *tokenizer.bos_id
            )
        };
    }
    tokenizer.bos_id = config.bos ? config.bos : tokenizer.bos_id;
    return {};
}

std::string folder_name(const std::filesystem::path& folder) {
    const std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace

Result<GgufDraft> GgufDraft::of(const std::filesystem::path& model) {
    const auto file = find_gguf(model);
    if (file) {
        return of_file(*file);
    }
    auto draft = of_folder(model);
    return draft ? std::move(draft) : with_context(fmt::format("'{}'", model.string()), draft.error());
}

Result<GgufDraft> GgufDraft::of_file(const std::filesystem::path& file) {
    auto opened = GgufFile::open(file);
    if (!opened) {
        return opened.error();
    }
    GgufDraft draft;
    draft.file_ = std::make_unique<GgufFile>(std::move(*opened));
    const GgufFile& gguf = *draft.file_;
    draft.metadata_ = metadata_of(gguf);
    const std::string architecture = gguf.string_or("general.architecture", "");
    draft.layers_ = gguf.int_or(fmt::format("{}.block_count", architecture), 0);
    for (const auto& [name, tensor] : gguf.tensors()) {
        draft.tensors_.push_back(gguf_source_of(tensor));
    }
    std::ranges::sort(draft.tensors_, {}, [](const GgufSource& source) {
        return source.parts.front()->bytes.data();
    });
    draft.make_views();
    return draft;
}

Result<GgufDraft> GgufDraft::of_folder(const std::filesystem::path& folder) {
    const auto json = read_config_json(folder);
    const auto config = json ? read_config(folder) : Result<ModelConfig>(json.error());
    if (!config) {
        return config.error();
    }
    auto description = describe_as_gguf(*config, *json);
    if (!description) {
        return description.error();
    }
    auto checkpoint = Checkpoint::open(folder);
    if (!checkpoint) {
        return checkpoint.error();
    }
    GgufDraft draft;
    draft.is_of_folder_ = true;
    draft.layers_ = config->layers;
    draft.checkpoint_ = std::make_unique<Checkpoint>(std::move(*checkpoint));
    draft.metadata_ = std::move(description->metadata);
    draft.metadata_.add("general.name", std::string_view(folder_name(folder)));
    const GgufNaming naming = {
        .architecture = description->architecture,
        .query_heads = config->heads,
        .key_heads = config->kv_heads,
    };
    if (auto good = draft.take_tensors(*config, naming); !good) {
        return good.error();
    }
    for (auto& [name, numbers] : description->vectors) {
        draft.take_vector(name, std::move(numbers));
    }
    draft.make_views();
    if (auto good = draft.add_texts(folder, *config); !good) {
        return good.error();
    }
    if (auto good = draft.check_reads_as(*config); !good) {
        return good.error();
    }
    return draft;
}

Result<void> GgufDraft::take_tensors(const ModelConfig& config, const GgufNaming& naming) {
    const TensorNames& names = *config.names;
    const bool lacks_base =
        checkpoint_->find(fmt::format("{}{}.weight", names.base, names.embedding)) == nullptr;
    std::vector<NamedTensor> tensors;
    std::set<std::string, std::less<>> taken;
    if (config.tied_embeddings) {
        taken.insert(fmt::format("{}.weight", names.head));
    }
    for (const TensorSpec& spec : tensors_of(config)) {
        const bool has_base = spec.name.starts_with(names.base);
        const std::string stored = lacks_base && has_base ? spec.name.substr(names.base.size()) : spec.name;
        const Tensor* tensor = checkpoint_->find(stored);
        if (auto good = check_tensor(tensor, spec); !good) {
            return good;
        }
        taken.insert(stored);
        tensors.push_back({.name = spec.name, .tensor = tensor});
    }
    for (const std::string& name : checkpoint_->names()) {
        const bool is_ignored = std::ranges::any_of(names.ignored_ends, [&](std::string_view end) {
            return !end.empty() && name.ends_with(end);
        });
        if (!taken.contains(name) && !is_ignored) {
            return wrong_tensor(name, "is not part of the model that config.json describes");
        }
    }
    auto sources = gguf_sources_of(naming, tensors);
    if (!sources) {
        return sources.error();
    }
    tensors_ = std::move(*sources);
    return {};
}

void GgufDraft::take_vector(const std::string& name, std::vector<float> numbers) {
    auto vector = std::make_unique<Vector>();
    vector->numbers = std::move(numbers);
    vector->tensor = {
        .name = name,
        .type = DataType::kF32,
        .shape = {std::ssize(vector->numbers)},
        .bytes = std::as_bytes(std::span(vector->numbers)),
    };
    tensors_.push_back(gguf_source_of(vector->tensor));
    vectors_.push_back(std::move(vector));
}

Result<void> GgufDraft::add_texts(const std::filesystem::path& folder, const ModelConfig& config) {
    auto tokenizer = text::gguf_tokenizer_of_folder(folder, static_cast<std::size_t>(config.vocabulary));
    if (!tokenizer) {
        return tokenizer.error();
    }
    if (auto good = take_bos(config, *tokenizer); !good) {
        return good;
    }
    if (auto good = add_end_tokens(metadata_, config, *tokenizer); !good) {
        return good;
    }
    const auto templates = text::chat_template_sources(folder);
    if (!templates) {
        return templates.error();
    }
    add_tokenizer(metadata_, *tokenizer);
    add_chat_templates(metadata_, *templates);
    return {};
}

void GgufDraft::make_views() {
    for (const GgufSource& source : tensors_) {
        if (source.parts.size() == 1 && !source.is_transposed) {
            Tensor view = *source.parts.front();
            view.name = source.name;
            view.shape = source.shape;
            views_.emplace(source.name, std::move(view));
        }
    }
}

const Tensor* GgufDraft::find(std::string_view name) const {
    const auto found = views_.find(name);
    return found == views_.end() ? nullptr : &found->second;
}

Result<void> GgufDraft::check_reads_as(const ModelConfig& config) const {
    const std::string bytes = metadata_.as_file();
    auto content = parse_gguf(bytes);
    if (!content) {
        return content.error();
    }
    for (const GgufSource& source : tensors_) {
        const Tensor* view = find(source.name);
        content->tensors.emplace(
            source.name,
            view != nullptr ? *view
                            : Tensor{.name = source.name, .type = source.type(), .shape = source.shape}
        );
    }
    const auto json = config_json_of(GgufFile::of(std::move(*content)));
    const auto read = json ? config_of(*json) : Result<ModelConfig>(json.error());
    if (!read) {
        return read.error();
    }
    if (const auto key = config_difference(config, *read)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("config.json: '{}' is a value that a GGUF file of this architecture cannot say", *key)
        };
    }
    return {};
}

}  // namespace capstan::engine
