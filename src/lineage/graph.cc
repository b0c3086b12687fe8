#include "lineage/graph.h"

#include <algorithm>

namespace capstan::lineage {
namespace {

constexpr std::size_t kNodeNameBytesMax = 400;

}  // namespace

std::string node_name(std::string_view kind, std::string_view id) {
    return std::string(kind) + ":" + std::string(id);
}

std::string_view kind_of(std::string_view node_name) {
    const std::size_t colon = node_name.find(':');
    return colon == std::string_view::npos ? std::string_view() : node_name.substr(0, colon);
}

std::string_view id_of(std::string_view node_name) {
    const std::size_t colon = node_name.find(':');
    return colon == std::string_view::npos ? std::string_view() : node_name.substr(colon + 1);
}

Result<void> check_node_name(std::string_view node_name) {
    const std::string_view kind = kind_of(node_name);
    const bool good_kind =
        !kind.empty() && std::ranges::all_of(kind, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
    if (!good_kind || id_of(node_name).empty() || node_name.size() > kNodeNameBytesMax) {
        return Error{
            ErrorCode::kInvalid,
            "a lineage node is KIND:ID, such as response:chatcmpl-… or run:0197…; got '" +
                std::string(node_name.substr(0, 80)) + "'"
        };
    }
    return {};
}

}  // namespace capstan::lineage
