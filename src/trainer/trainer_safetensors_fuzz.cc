// Any bytes as a safetensors file: refused, or views that lie inside.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "trainer/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view file(reinterpret_cast<const char*>(data), size);
    if (const auto content = capstan::trainer::parse_safetensors(file)) {
        for (const auto& [name, tensor] : content->tensors) {
            CHECK(tensor.bytes.data() >= file.data(), "a tensor begins inside the file");
            CHECK(
                tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size(), "a tensor ends inside"
            );
        }
    }
    return 0;
}
