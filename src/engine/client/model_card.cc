#include "engine/client/model_card.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "engine/files/checkpoint.h"
#include "engine/files/gguf_writer.h"

namespace capstan::engine {
namespace {

constexpr std::string_view kPrefix = "capstan.quantization.";
constexpr std::uint64_t kCardBytesMax = 16'000'000;

GgufMetadata metadata_with(const GgufFile& file, const QuantisationCard& card) {
    GgufMetadata metadata;
    for (const auto& [key, value] : file.metadata()) {
        // The writer adds the alignment itself.
        if (!key.starts_with(kPrefix) && key != "general.alignment") {
            metadata.copy(key, value);
        }
    }
    const auto add = [&](std::string_view key, auto value) {
        metadata.add(fmt::format("{}{}", kPrefix, key), value);
    };
    add("type", std::string_view(card.type));
    add("method", std::string_view(card.method));
    add("source", std::string_view(card.source));
    add("loss_tokens", static_cast<std::uint64_t>(card.loss.tokens));
    add("source_perplexity", static_cast<float>(card.loss.source_perplexity));
    add("perplexity", static_cast<float>(card.loss.perplexity));
    add("mean_kl_divergence", static_cast<float>(card.loss.mean_divergence));
    return metadata;
}

Result<void> write_gguf_card(const std::filesystem::path& path, const QuantisationCard& card) {
    const auto file = GgufFile::open(path);
    if (!file) {
        return file.error();
    }
    std::vector<const Tensor*> tensors;
    for (const auto& [name, tensor] : file->tensors()) {
        tensors.push_back(&tensor);
    }
    std::ranges::sort(tensors, {}, [](const Tensor* tensor) { return tensor->bytes.data(); });
    std::vector<GgufTensorPlan> plan;
    for (const Tensor* tensor : tensors) {
        plan.push_back({.name = tensor->name, .type = tensor->type, .shape = tensor->shape});
    }
    auto writer = GgufWriter::open(path, metadata_with(*file, card), plan);
    if (!writer) {
        return writer.error();
    }
    for (const Tensor* tensor : tensors) {
        if (auto good = writer->write(tensor->bytes); !good) {
            return good;
        }
    }
    return writer->finish();
}

Result<void> write_folder_card(const std::filesystem::path& folder, const QuantisationCard& card) {
    const auto path = folder / "README.md";
    std::string text;
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) {
        auto before = read_file(path, kCardBytesMax);
        if (!before) {
            return before.error();
        }
        text = std::move(*before) + "\n";
    }
    text += fmt::format(
        "## Quantization\n\n"
        "Weights are {} by {}, made from `{}`. On {} tokens of a text that was kept apart:\n\n"
        "| | source | this model |\n|---|---|---|\n"
        "| perplexity | {:.4f} | {:.4f} |\n"
        "| KL divergence from the source, nats a token | 0 | {:.6f} |\n"
        "| the same token first | 100 % | {:.2f} % |\n",
        card.type,
        card.method,
        card.source,
        card.loss.tokens,
        card.loss.source_perplexity,
        card.loss.perplexity,
        card.loss.mean_divergence,
        100 * card.loss.same_top
    );
    return replace_file(path, text);
}

}  // namespace

Result<void> write_card(const std::filesystem::path& model, const QuantisationCard& card) {
    const auto gguf = find_gguf(model);
    return gguf ? write_gguf_card(*gguf, card) : write_folder_card(model, card);
}

}  // namespace capstan::engine
