#pragma once

// Matrices as GPTQ and AWQ checkpoints on Hugging Face keep them: integers in 32-bit words, [in, out], with a
// scale and a zero point for each group of inputs. A number is scale · (code - zero).
//
// GPTQ packs neighbours of a column ("qweight" [in · bits / 32, out]), AWQ neighbours of a row ("qweight"
// [in, out / 8], in the order 0 2 4 6 1 3 5 7); shapes tell which. The layouts are those of AutoGPTQ's
// QuantLinear (format "gptq": zero points are stored less one) and of AutoAWQ's WQLinear_GEMM.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "engine/files/tensor.h"

namespace capstan::engine {

struct GroupQuantised {
    const Tensor& codes;               // "qweight"
    const Tensor* zeros = nullptr;     // "qzeros"
    const Tensor* scales = nullptr;    // "scales" [groups, out]
    const Tensor* group_of = nullptr;  // "g_idx" [in]: the group of each input; null: in order.
};

struct RestoredMatrix {
    DataType type = DataType::kQ4_0;
    std::vector<std::int64_t> shape;  // [out, in]
    std::vector<std::byte> bytes;
};

// Four bits become Q4_0 where all zero points are 8, and else Q4_1, whose minimum is rounded to binary16;
// eight become Q8_0. Groups that are not in order or no multiples of 32 long (desc_act) become F16, each
// number rounded once. kInvalid, naming the tensor, for what is missing, does not fit or is not read, before
// memory is taken.
Result<RestoredMatrix> restore_groups(const GroupQuantised& stored);

}  // namespace capstan::engine
