#include "text/gguf_token_table.h"

#include <utility>

#include <fmt/format.h>

namespace capstan::text {

GgufTokenTable::GgufTokenTable(std::string model, std::size_t rows) {
    metadata_.model = std::move(model);
    metadata_.types.assign(rows, static_cast<std::int32_t>(PieceType::kUnused));
    for (std::size_t id = 0; id < rows; ++id) {
        metadata_.tokens.push_back(fmt::format("[PAD{}]", id));
    }
}

Result<void> GgufTokenTable::place(std::int64_t id, std::string_view token, PieceType type) {
    if (id < 0 || id >= std::ssize(metadata_.tokens)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "token '{}' has the id {}, but the model has {} embeddings",
                token.substr(0, 80),
                id,
                metadata_.tokens.size()
            )
        };
    }
    metadata_.tokens[static_cast<std::size_t>(id)] = token;
    metadata_.types[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(type);
    return {};
}

Result<void> GgufTokenTable::place_added(std::int64_t id, std::string_view token, bool is_special) {
    if (id >= std::ssize(metadata_.tokens)) {
        return {};
    }
    return place(id, token, is_special ? PieceType::kControl : PieceType::kUserDefined);
}

}  // namespace capstan::text
