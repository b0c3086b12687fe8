#pragma once

// Names a model by all that the bits of its keys and values depend on, so that those in a file are never
// taken for another model's.

#include <filesystem>

#include "base/hash.h"
#include "engine/model/model.h"

namespace capstan::engine {

// From what the model computes for a fixed text (weights, their form in memory, kernels and the processor's
// instruction set change it), and from the names, sizes and times of its files. Cost: one small batch.
Sha256Digest model_identity(Model& model, const std::filesystem::path& files);

}  // namespace capstan::engine
