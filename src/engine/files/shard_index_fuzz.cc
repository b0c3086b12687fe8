// Any bytes as model.safetensors.index.json: no crash, and no accepted name leads out of the folder.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/files/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto files = capstan::engine::parse_shard_index({reinterpret_cast<const char*>(data), size});
    if (files) {
        for (const auto& [tensor, file] : *files) {
            CHECK(!file.empty() && file.find('/') == std::string::npos && file != "..", "beside the index");
        }
    }
    return 0;
}
