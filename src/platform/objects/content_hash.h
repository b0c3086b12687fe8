#pragma once

// The name of an object, and the checksums of its chunks, from its content as it passes.

#include <string>
#include <string_view>

#include "base/hash.h"
#include "platform/objects/chunk_sums.h"

namespace capstan::objects {

class ContentHash {
public:
    void update(std::string_view bytes);

    struct Finished {
        std::string id;
        ChunkSums chunks;
    };

    Finished finish();

private:
    Sha256 whole_;
    std::string chunk_;  // The bytes of the chunk that is not full yet.
    ChunkSums chunks_;
};

}  // namespace capstan::objects
