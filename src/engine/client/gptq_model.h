#pragma once

// A model's matrices rounded by GPTQ, each by the inputs that the model as it is gives it.
//
// The paper lets a layer see what the rounded layers before it give; here all see what the source gives, so
// that one reading of the text serves many layers.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/client/calibration.h"
#include "engine/files/data_type.h"
#include "engine/files/tensor.h"

namespace capstan::engine {

struct GptqModel {
    CalibrationOptions calibration;
    // What a matrix becomes; only where that is a type of is_gptq_type is it rounded here.
    std::function<DataType(const Tensor&)> type_of;
};

// Blocks by the name in the file, of all matrices whose inputs were seen. In memory: what is returned, and 2
// GiB or what one layer needs (8 bytes for each pair of its inputs' columns), whichever is more.
Result<std::map<std::string, std::vector<std::byte>>> gptq_blocks(const GptqModel& command);

}  // namespace capstan::engine
