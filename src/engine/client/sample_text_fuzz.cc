// Any bytes as JSON lines of documents: joined or refused.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/client/sample_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = capstan::engine::join_documents({reinterpret_cast<const char*>(data), size});
    CHECK(!text || text->size() <= size + 2, "a document is not longer than its line");
    return 0;
}
