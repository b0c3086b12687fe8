// Fuzzes base/json.h: what is read prints as text that reads back equal, compact and pretty.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto json = capstan::parse_json(text);
    if (json) {
        const auto compact = capstan::parse_json(json->dump());
        const auto pretty = capstan::parse_json(json->dump_pretty());
        CHECK(compact && *compact == *json, "compact text reads back equal");
        CHECK(pretty && *pretty == *json, "pretty text reads back equal");
    } else {
        CHECK(!json.error().message.empty(), "a refusal has a reason");
    }
    std::string quoted;
    capstan::append_json_string(quoted, text);
    const auto string = capstan::parse_json(quoted);
    CHECK(string && string->as_string() != nullptr, "any bytes make a JSON string");
    CHECK(*string->as_string() == capstan::to_utf8(text), "which holds the repaired text");
    return 0;
}
