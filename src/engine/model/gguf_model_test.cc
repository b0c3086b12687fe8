// The golden models written as GGUF files, as llama.cpp's converter would: names, order of rotary rows, norms
// plus one, transposed matrices. They must compute what the safetensors files do.

#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/file.h"
#include "base/id.h"
#include "base/test_paths.h"
#include "engine/files/dequantise.h"
#include "engine/files/gguf_writer.h"
#include "engine/model/logits_for_test.h"
#include "engine/model/model.h"

namespace capstan::engine {
namespace {

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine";

struct Renaming {
    std::string_view gguf;
    std::string_view hugging_face;
};

constexpr Renaming kLlamaStyle[] = {
    {"blk.", "model.layers."},
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

constexpr Renaming kGpt2Style[] = {
    {"blk.", "transformer.h."},
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"attn_norm", "ln_1"},
    {"attn_qkv", "attn.c_attn"},
    {"attn_output", "attn.c_proj"},
    {"ffn_norm", "ln_2"},
    {"ffn_up", "mlp.c_fc"},
    {"ffn_down", "mlp.c_proj"},
};

std::string renamed(std::string name, std::span<const Renaming> renamings) {
    for (const Renaming& renaming : renamings) {
        if (const auto at = name.find(renaming.hugging_face); at != std::string::npos) {
            name.replace(at, renaming.hugging_face.size(), renaming.gguf);
        }
    }
    return name;
}

struct Source {
    std::string_view golden;
    std::string_view architecture;
    std::span<const Renaming> renamings;
};

// One tensor as the converter writes it.
struct Converted {
    GgufTensorPlan plan;
    std::vector<float> values;
};

Converted convert(const Tensor& tensor, const Source& source, const ModelConfig& config) {
    Converted made;
    made.plan = {
        .name = renamed(tensor.name, source.renamings), .type = DataType::kF32, .shape = tensor.shape
    };
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    dequantise(tensor.type, tensor.bytes.data(), tensor.elements(), values.data());
    made.values = values;
    const std::string& name = made.plan.name;
    if (source.architecture == "gemma" && name.find("norm") != std::string::npos) {
        std::ranges::transform(values, made.values.begin(), [](float value) { return value + 1; });
    }
    const bool is_key = name.find("attn_k.") != std::string::npos;
    if (source.architecture == "llama" && (is_key || name.find("attn_q.") != std::string::npos)) {
        // Rows i and i + half of a head become 2i and 2i + 1.
        const std::size_t columns = values.size() / static_cast<std::size_t>(tensor.shape[0]);
        const auto head_dim = static_cast<std::size_t>(config.head_dim);
        for (std::size_t row = 0; row < static_cast<std::size_t>(tensor.shape[0]); ++row) {
            const std::size_t inside = row % head_dim;
            const std::size_t half = head_dim / 2;
            const std::size_t to = row - inside + inside % half * 2 + inside / half;
            std::copy_n(values.data() + row * columns, columns, made.values.data() + to * columns);
        }
    }
    if (source.architecture == "gpt2" && name.find("blk.") == 0 && tensor.shape.size() == 2) {
        const auto rows = static_cast<std::size_t>(tensor.shape[0]);
        const auto columns = static_cast<std::size_t>(tensor.shape[1]);
        for (std::size_t row = 0; row < rows; ++row) {
            for (std::size_t column = 0; column < columns; ++column) {
                made.values[column * rows + row] = values[row * columns + column];
            }
        }
        std::ranges::reverse(made.plan.shape);
    }
    return made;
}

GgufMetadata metadata_of(const Source& source, const ModelConfig& config) {
    GgufMetadata metadata;
    const std::string prefix = std::string(source.architecture) + ".";
    const auto add = [&](std::string_view key, std::int64_t value) {
        metadata.add(prefix + std::string(key), static_cast<std::uint32_t>(value));
    };
    metadata.add("general.architecture", source.architecture);
    add("embedding_length", config.hidden);
    add("feed_forward_length", config.intermediate);
    add("block_count", config.layers);
    add("attention.head_count", config.heads);
    add("attention.head_count_kv", config.kv_heads);
    add("attention.key_length", config.head_dim);
    add("context_length", config.positions_max);
    metadata.add(prefix + "rope.freq_base", static_cast<float>(config.rope.theta));
    metadata.add(prefix + "attention.layer_norm_rms_epsilon", static_cast<float>(config.norm_epsilon));
    metadata.add(prefix + "attention.layer_norm_epsilon", static_cast<float>(config.norm_epsilon));
    return metadata;
}

void write_as_gguf(const Source& source, const std::filesystem::path& path) {
    const auto config = read_config(kGolden / source.golden);
    CHECK(config, config.error().message);
    const auto file = SafetensorsFile::open(kGolden / source.golden / "model.safetensors");
    CHECK(file, file.error().message);
    std::vector<Converted> converted;
    std::vector<GgufTensorPlan> plans;
    for (const auto& [name, tensor] : file->tensors()) {
        converted.push_back(convert(tensor, source, *config));
        plans.push_back(converted.back().plan);
    }
    auto writer = GgufWriter::open(path, metadata_of(source, *config), plans);
    CHECK(writer, writer.error().message);
    for (const Converted& tensor : converted) {
        CHECK(writer->write(std::as_bytes(std::span(tensor.values))), "the file can be written");
    }
    CHECK(writer->finish(), "the file can be written");
}

std::vector<float> logits_of(const std::filesystem::path& path) {
    return logits_for_test(path, 30, 60);
}

TEST(GgufModel, ComputesWhatTheSafetensorsFileDoes) {
    const auto path = std::filesystem::path(testing::TempDir()) / (new_id() + ".gguf");
    for (const Source& source : {
             Source{"tied_f32", "llama", kLlamaStyle},
             Source{"gemma", "gemma", kLlamaStyle},
             Source{"gpt2", "gpt2", kGpt2Style},
         }) {
        write_as_gguf(source, path);
        const auto expected = logits_of(kGolden / source.golden);
        const auto actual = logits_of(path);
        ASSERT_EQ(actual.size(), expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) {
            // Norms minus one plus one, and F16 weights that are F32 here.
            ASSERT_NEAR(actual[i], expected[i], 2e-3) << source.golden;
        }
    }
}

TEST(GgufModel, ABrokenFileIsNamed) {
    const auto path = std::filesystem::path(testing::TempDir()) / (new_id() + ".gguf");
    GgufMetadata metadata;
    metadata.add("general.architecture", "mamba");
    const auto writer = GgufWriter::open(path, metadata, {});
    ASSERT_TRUE(writer) << writer.error().message;
    ASSERT_TRUE(replace_file(path, "GGUF"));
    const std::string cut = Model::open(path, 1).error().message;
    EXPECT_NE(cut.find(path.string()), std::string::npos) << cut;
    EXPECT_EQ(cut.find(path.string()), cut.rfind(path.string())) << cut;
    auto whole = GgufWriter::open(path, metadata, {});
    ASSERT_TRUE(whole->finish());
    const std::string message = Model::open(path, 1).error().message;
    EXPECT_THAT(message, testing::HasSubstr("mamba"));
    EXPECT_EQ(message.find(path.string()), message.rfind(path.string())) << message;
}

}  // namespace
}  // namespace capstan::engine
