#pragma once

// What one engine process runs, what tells it from others of its target, and how much memory it takes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "registry/model.h"

namespace capstan::serving {

struct ReplicaSpec {
    std::string id;  // Of the replica; names its files.
    std::string target_id;
    registry::Version version;              // Full, or an adapter
    std::optional<registry::Version> base;  // and then its base.
    std::string quantize = {};              // int8, int4 or empty, as EngineCommand has it.
};

// Replicas of a target with equal variants do the same; to change it is to exchange them.
std::string variant_of(std::string_view version_id, std::string_view quantize);

// Of memory that the engine takes, about: its weights, its cache, itself. Rounded weights are counted by the
// version's `parameters`; where that is 0, as the files have them, which is never too little.
std::int64_t memory_bytes_of(const ReplicaSpec& spec);

}  // namespace capstan::serving
