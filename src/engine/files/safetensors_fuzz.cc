// Any bytes as a safetensors file: no crash, and every tensor of an accepted file lies inside it.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/files/safetensors.h"

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
    return 0;
}
