#pragma once

// Pages of a list: ?limit= and ?cursor= in, {"items", "next_cursor"} out. A cursor is the key of the last
// item seen; the order is newest first.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "platform/http/message.h"

namespace capstan::http {

inline constexpr int kPageLimitMax = 1000;

struct PageAsk {
    int limit = 50;
    std::string cursor;  // Empty: from the start.

    // What a store asks for: one more than the page shows whether there is a next one.
    int rows_max() const { return limit + 1; }
};

// kInvalid unless 1 <= limit <= kPageLimitMax.
Result<PageAsk> read_page(const Request& request);

// The page of `rows`, which hold up to ask.rows_max() items, newest first.
template <typename T, typename ToJson, typename KeyOf>
Json page_json(const std::vector<T>& rows, const PageAsk& ask, ToJson to_json, KeyOf key_of) {
    const auto shown = std::min(rows.size(), static_cast<std::size_t>(ask.limit));
    Json::Array items;
    items.reserve(shown);
    for (std::size_t i = 0; i < shown; ++i) {
        items.push_back(to_json(rows[i]));
    }
    const bool has_more = rows.size() > shown;
    return Json::object(
        {{"items", Json(std::move(items))}, {"next_cursor", has_more ? Json(key_of(rows[shown - 1])) : Json()}
        }
    );
}

}  // namespace capstan::http
