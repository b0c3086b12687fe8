// Any bytes as a safetensors file: no crash, every tensor of an accepted file lies inside it, and weights
// with scales beside them are restored to the shape that they have, or refused.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/check.h"
#include "engine/files/safetensors.h"
#include "engine/files/scaled_tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view file(reinterpret_cast<const char*>(data), size);
    const auto tensors = capstan::engine::parse_safetensors(file);
    if (!tensors) {
        return 0;
    }
    std::size_t bytes = 0;
    for (const auto& [name, tensor] : *tensors) {
        const auto* begin = reinterpret_cast<const char*>(tensor.bytes.data());
        CHECK(begin >= file.data() && begin + tensor.bytes.size() <= file.data() + size, "inside the file");
        bytes += tensor.bytes.size();
    }
    CHECK(bytes <= size, "tensors do not overlap");
    std::map<std::string, const capstan::engine::Tensor*, std::less<>> stored;
    for (const auto& [name, tensor] : *tensors) {
        stored.emplace(name, &tensor);
    }
    if (const auto restored = capstan::engine::restore_scaled_tensors(stored)) {
        for (const auto& [name, tensor] : restored->tensors) {
            const std::int64_t elements = tensor.shape[0] * tensor.shape[1];
            CHECK(tensor.elements() == elements, "bytes are those of the shape");
        }
    }
    return 0;
}
