#include "platform/http/page.h"

#include <fmt/format.h>

namespace capstan::http {

Result<PageAsk> read_page(const Request& request) {
    PageAsk ask;
    const auto limit = request.query.get_int("limit", ask.limit);
    if (!limit) {
        return limit.error();
    }
    if (*limit < 1 || *limit > kPageLimitMax) {
        return Error{ErrorCode::kInvalid, fmt::format("'limit' must be from 1 to {}", kPageLimitMax)};
    }
    ask.limit = static_cast<int>(*limit);
    ask.cursor = std::string(request.query.get("cursor"));
    return ask;
}

}  // namespace capstan::http
