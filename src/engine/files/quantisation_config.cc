#include "engine/files/quantisation_config.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

// Of GPTQ and AWQ.
std::optional<std::string> group_refusal(const Json& config) {
    const std::string method = config.string_or("quant_method", "");
    const Json& bits = config["bits"];
    if (method == "gptq") {
        if (bits != Json(4) && bits != Json(8)) {
            return fmt::format("GPTQ is read with 4 and 8 bits, not {}", bits.dump());
        }
        if (const auto format = config.string_or("checkpoint_format", "gptq"); format != "gptq") {
            return fmt::format("GPTQ is read in the format 'gptq', not '{}'", format);
        }
        return std::nullopt;
    }
    if (bits != Json(4)) {
        return fmt::format("AWQ is read with 4 bits, not {}", bits.dump());
    }
    std::string version = config.string_or("version", "gemm");
    std::ranges::transform(version, version.begin(), [](unsigned char c) { return std::tolower(c); });
    if (version != "gemm") {
        return fmt::format("AWQ is read in the version 'gemm', not '{}'", version);
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> quantisation_refusal(const Json& quantization_config) {
    constexpr std::string_view kMethods[] = {"fp8", "compressed-tensors", "fbgemm_fp8", "modelopt"};
    const std::string method = quantization_config.string_or("quant_method", "");
    if (method == "gptq" || method == "awq") {
        return group_refusal(quantization_config);
    }
    if (std::ranges::find(kMethods, method) == std::end(kMethods)) {
        return "only 'fp8', 'fbgemm_fp8', 'compressed-tensors', 'modelopt', 'gptq' and 'awq' can be read";
    }
    return std::nullopt;
}

}  // namespace capstan::engine
