#pragma once

// A model and the program that serves it as one container image, made without a container engine: the layer
// below is this program with the libraries that it was started with, the one above the model's files. Run, it
// serves OpenAI's API on port 8000.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "serving/oci_layout.h"

namespace capstan::serving {

struct ModelPackage {
    std::filesystem::path model;  // A folder in Hugging Face's layout, or one GGUF file.
    std::filesystem::path out;    // The layout's folder: not there, or empty.
    std::string name;             // What callers name in `model`; empty: the folder's or file's name.
    std::string tag = "latest";
};

struct PackedModel {
    std::int64_t program_bytes = 0;
    std::int64_t model_bytes = 0;
    std::string name;
};

// kNotFound when there is no such model, kInvalid for a folder without one, kConflict when `out` is not
// empty.
Result<PackedModel> package_model(const ModelPackage& package);

}  // namespace capstan::serving
