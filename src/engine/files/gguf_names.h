#pragma once

// The tensors of a GGUF file under the names that Hugging Face gives them, so that a model is described once
// for both kinds of file.

#include <map>
#include <string>

#include "base/result.h"
#include "engine/files/gguf.h"

namespace capstan::engine {

// Views of `file`'s tensors, by name. Matrices of all experts in one become one tensor for each expert. What
// is stored otherwise than Hugging Face has it says so (Tensor::interleaved_heads, is_transposed, offset).
// Tensors that `config_json_of` reads (divisors of rotary frequencies) are left out; those of unknown names
// keep them. kInvalid, naming key or tensor, for another architecture and for shapes that contradict the
// metadata.
Result<std::map<std::string, Tensor, std::less<>>> hugging_face_tensors(const GgufFile& file);

}  // namespace capstan::engine
