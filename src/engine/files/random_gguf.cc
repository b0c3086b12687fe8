#include "engine/files/random_gguf.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/files/gguf_writer.h"
#include "engine/files/quantise.h"
#include "engine/files/random_vocabulary.h"

namespace capstan::engine {
namespace {

constexpr std::array<LlamaShape, 3> kShapes = {{
    {"15M", 288, 6, 6, 6, 768, 32'000, 1'024, 1e4F},
    {"110M", 768, 12, 12, 12, 2'048, 32'000, 2'048, 1e4F},
    {"1.2B", 2'048, 16, 32, 8, 8'192, 128'256, 8'192, 5e5F},
}};

constexpr std::int64_t kLlama3Vocabulary = 128'256;
constexpr std::int64_t kPlainBlock = 32;  // Elements drawn together where the type has no blocks.

// Genuine blocks of normal numbers, to be drawn from.
class Pool {
public:
    Pool(DataType type, float deviation, const RandomGguf& model)
        : count_(model.pool_blocks),
          elements_(std::max(block_of(type).elements, kPlainBlock)),
          bytes_(bytes_of(type, elements_)) {
        std::mt19937_64 random(model.seed);
        std::normal_distribution<float> normal(0, deviation);
        std::vector<float> values(static_cast<std::size_t>(count_ * elements_));
        std::ranges::generate(values, [&] { return normal(random); });
        blocks_.resize(static_cast<std::size_t>(count_ * bytes_));
        quantise(type, values.data(), count_ * elements_, nullptr, blocks_.data());
    }

    // `count` elements, which are whole blocks, behind `out`.
    void draw(std::int64_t count, std::mt19937_64& random, std::vector<std::byte>& out) const {
        for (std::int64_t i = 0; i < count / elements_; ++i) {
            const auto index = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(count_));
            const auto begin = blocks_.begin() + index * bytes_;
            out.insert(out.end(), begin, begin + bytes_);
        }
    }

private:
    std::int64_t count_;
    std::int64_t elements_;
    std::int64_t bytes_;
    std::vector<std::byte> blocks_;
};

class Plan {
public:
    explicit Plan(const RandomGguf& model) : model_(model) {
        const LlamaShape& shape = model.shape;
        const std::int64_t kv = shape.hidden / shape.heads * shape.kv_heads;
        add("token_embd.weight", {shape.vocabulary, shape.hidden}, 0);
        for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
            const auto in_layer = [&](std::string_view name, std::vector<std::int64_t> sizes) {
                add(fmt::format("blk.{}.{}.weight", layer, name), std::move(sizes), layer);
            };
            in_layer("attn_norm", {shape.hidden});
            in_layer("attn_q", {shape.hidden, shape.hidden});
            in_layer("attn_k", {kv, shape.hidden});
            in_layer("attn_v", {kv, shape.hidden});
            in_layer("attn_output", {shape.hidden, shape.hidden});
            in_layer("ffn_norm", {shape.hidden});
            in_layer("ffn_gate", {shape.intermediate, shape.hidden});
            in_layer("ffn_up", {shape.intermediate, shape.hidden});
            in_layer("ffn_down", {shape.hidden, shape.intermediate});
        }
        add("output_norm.weight", {shape.hidden}, 0);
    }

    const std::vector<GgufTensorPlan>& tensors() const { return tensors_; }

private:
    void add(std::string name, std::vector<std::int64_t> sizes, std::int64_t layer) {
        const DataType type = type_in(
            model_.mixture,
            {.name = name,
             .dimensions = std::ssize(sizes),
             .columns = sizes.back(),
             .layer = layer,
             .layers = model_.shape.layers,
             .is_tied = true}
        );
        tensors_.push_back({.name = std::move(name), .type = type, .shape = std::move(sizes)});
    }

    const RandomGguf& model_;
    std::vector<GgufTensorPlan> tensors_;
};

GgufMetadata metadata_of(const RandomGguf& model) {
    const LlamaShape& shape = model.shape;
    GgufMetadata metadata;
    const auto add = [&](std::string_view key, std::int64_t value) {
        metadata.add(fmt::format("llama.{}", key), static_cast<std::uint32_t>(value));
    };
    metadata.add("general.architecture", "llama");
    metadata.add("general.name", fmt::format("random {}", shape.name));
    metadata.add("general.file_type", file_type_of(model.mixture));
    metadata.add("general.quantization_version", 2U);
    add("vocab_size", shape.vocabulary);
    add("context_length", shape.context);
    add("embedding_length", shape.hidden);
    add("block_count", shape.layers);
    add("feed_forward_length", shape.intermediate);
    add("rope.dimension_count", shape.hidden / shape.heads);
    add("attention.head_count", shape.heads);
    add("attention.head_count_kv", shape.kv_heads);
    metadata.add("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    metadata.add("llama.rope.freq_base", shape.rope_theta);
    if (shape.vocabulary == kLlama3Vocabulary) {
        add_llama3_vocabulary(metadata);
    } else {
        add_sentence_piece_vocabulary(metadata, shape.vocabulary);
    }
    return metadata;
}

Result<void> write_ones(GgufWriter& writer, std::int64_t count) {
    const std::vector<float> ones(static_cast<std::size_t>(count), 1.0F);
    return writer.write(std::as_bytes(std::span(ones)));
}

}  // namespace

std::optional<LlamaShape> find_llama_shape(std::string_view name) {
    const auto* found = std::ranges::find(kShapes, name, &LlamaShape::name);
    return found == kShapes.end() ? std::nullopt : std::optional(*found);
}

Result<void> write_random_gguf(const std::filesystem::path& path, const RandomGguf& model) {
    const Plan plan(model);
    auto writer = GgufWriter::open(path, metadata_of(model), plan.tensors());
    if (!writer) {
        return writer.error();
    }
    std::mt19937_64 random(model.seed);
    std::map<std::pair<DataType, std::int64_t>, Pool> pools;  // By type and columns.
    std::vector<std::byte> row;
    for (const GgufTensorPlan& tensor : plan.tensors()) {
        if (tensor.shape.size() == 1) {
            if (auto good = write_ones(*writer, tensor.shape[0]); !good) {
                return good;
            }
            continue;
        }
        const std::int64_t columns = tensor.shape[1];
        const float deviation = 1 / std::sqrt(static_cast<float>(columns));
        const Pool& pool =
            pools.try_emplace({tensor.type, columns}, tensor.type, deviation, model).first->second;
        for (std::int64_t i = 0; i < tensor.shape[0]; ++i) {
            row.clear();
            pool.draw(columns, random, row);
            if (auto good = writer->write(row); !good) {
                return good;
            }
        }
    }
    return writer->finish();
}

}  // namespace capstan::engine
