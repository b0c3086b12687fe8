#pragma once

// Weights that a safetensors file keeps in few bits with scales beside them: FP8 (per tensor, row, group or
// block; compressed-tensors and DeepSeek), NVFP4 and MXFP4 (compressed-tensors, ModelOpt), 8 and 4 bit
// integers (compressed-tensors, symmetric; GPTQ and AWQ, group_quantised.h).

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/files/tensor.h"

namespace capstan::engine {

// Tensors in types that stand for themselves.
struct RestoredTensors {
    std::map<std::string, Tensor, std::less<>>
        tensors;                        // Each "….weight" that was not one; they point to `memory`.
    std::vector<std::string> consumed;  // Names that are part of them, or of activations.
    std::vector<std::vector<std::byte>> memory;
};

// FP8 and NVFP4 become BF16 (each number rounded once); MXFP4 becomes MXFP4 blocks, exactly; integers become
// Q8_0 or Q4_0 (only their scales are rounded, to binary16). kInvalid, naming the tensor, when scales are
// missing or do not fit, before memory is taken. Cost: a few ns a number.
Result<RestoredTensors> restore_scaled_tensors(const std::map<std::string, const Tensor*, std::less<>>& stored
);

}  // namespace capstan::engine
