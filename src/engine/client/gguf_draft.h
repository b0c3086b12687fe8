#pragma once

// A model as a GGUF file is to hold it, before its tensors get their types: a GGUF file as it is, or a folder
// in Hugging Face's layout under GGUF's names.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/files/checkpoint.h"
#include "engine/files/gguf_source.h"
#include "engine/files/gguf_writer.h"
#include "engine/model/config.h"
#include "engine/model/gguf_description.h"

namespace capstan::engine {

class GgufDraft {
public:
    // Of what Checkpoint::open takes. A folder must be of an architecture that describe_as_gguf knows, with a
    // tokenizer that gguf_tokenizer_of_folder can write; kInvalid, naming the key or the tensor, for what a
    // GGUF file cannot say: what this engine would read from the file is compared with what it reads from the
    // folder.
    static Result<GgufDraft> of(const std::filesystem::path& model);

    // Without "general.file_type", "general.quantization_version" and how a file is cut in pieces.
    const GgufMetadata& metadata() const { return metadata_; }

    // In the order of writing; they live as long as the draft.
    std::span<const GgufSource> tensors() const { return tensors_; }

    // As its numbers lie in the model's files, with GGUF's name and shape: rows may be in another order. Null
    // when there is none, or it is made of several or of columns.
    const Tensor* find(std::string_view name) const;

    std::int64_t layers() const { return layers_; }

    bool is_of_folder() const { return is_of_folder_; }

private:
    GgufDraft() = default;

    static Result<GgufDraft> of_file(const std::filesystem::path& file);
    static Result<GgufDraft> of_folder(const std::filesystem::path& folder);

    // Takes the tensors that the configuration asks for, under the names of `naming`.
    Result<void> take_tensors(const ModelConfig& config, const GgufNaming& naming);
    void take_vector(const std::string& name, std::vector<float> numbers);
    Result<void> add_texts(const std::filesystem::path& folder, const ModelConfig& config);
    // Compares what a reader of the file would see with `config`.
    Result<void> check_reads_as(const ModelConfig& config) const;
    void make_views();

    struct Vector {
        std::vector<float> numbers;
        Tensor tensor;
    };

    std::unique_ptr<GgufFile> file_;                // Or
    std::unique_ptr<Checkpoint> checkpoint_;        // of a folder: what the sources point to …
    std::vector<std::unique_ptr<Vector>> vectors_;  // … with these, of the description.
    GgufMetadata metadata_;
    std::vector<GgufSource> tensors_;
    std::map<std::string, Tensor, std::less<>> views_;
    std::int64_t layers_ = 0;
    bool is_of_folder_ = false;
};

}  // namespace capstan::engine
