// Feeds arbitrary bytes as the checksums beside an object.

#include <cstdint>

#include "base/check.h"
#include "platform/objects/chunk_sums.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto sums = capstan::objects::decode_chunk_sums(text);
    CHECK(
        !sums || capstan::objects::encode_chunk_sums(*sums) == text, "what was read must be written the same"
    );
    return 0;
}
