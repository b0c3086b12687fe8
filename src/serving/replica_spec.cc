#include "serving/replica_spec.h"

#include <algorithm>

namespace capstan::serving {
namespace {

// For keys, values and the process itself.
constexpr std::int64_t kBytesBesideWeights = std::int64_t{300} << 20;

// Of a rounded weight, in the mean: 8 bits and a binary16 scale for each 32; 4 bits with scale and minimum
// are 5, and the head, which keeps 8, makes it 6 in models of some hundred million parameters.
constexpr double kInt8Bits = 8.5;
constexpr double kInt4Bits = 6;

std::int64_t weights_bytes(const registry::Version& version, std::string_view quantize) {
    std::int64_t stored = 0;
    for (const registry::ModelFile& file : version.files) {
        stored += file.bytes;
    }
    if (quantize.empty() || version.parameters <= 0) {
        return stored;
    }
    const double bits = quantize == "int8" ? kInt8Bits : kInt4Bits;
    return std::min(stored, static_cast<std::int64_t>(static_cast<double>(version.parameters) * bits / 8));
}

}  // namespace

std::string variant_of(std::string_view version_id, std::string_view quantize) {
    return quantize.empty() ? std::string(version_id) : std::string(version_id) + "." + std::string(quantize);
}

std::int64_t memory_bytes_of(const ReplicaSpec& spec) {
    if (!spec.base) {
        return kBytesBesideWeights + weights_bytes(spec.version, spec.quantize);
    }
    // Adapters are not rounded.
    return kBytesBesideWeights + weights_bytes(*spec.base, spec.quantize) + weights_bytes(spec.version, "");
}

}  // namespace capstan::serving
