#include "data/dataset.h"

namespace capstan::data {

std::int64_t Split::records() const {
    std::int64_t sum = 0;
    for (const Shard& shard : shards) {
        sum += shard.records;
    }
    return sum;
}

std::int64_t Split::bytes() const {
    std::int64_t sum = 0;
    for (const Shard& shard : shards) {
        sum += shard.bytes;
    }
    return sum;
}

Json to_json(const Manifest& manifest) {
    Json splits = Json::object();
    for (const Split& split : manifest.splits) {
        Json shards = Json::array();
        for (const Shard& shard : split.shards) {
            shards.push(
                Json::object({{"object", shard.object}, {"records", shard.records}, {"bytes", shard.bytes}})
            );
        }
        splits.set(split.name, std::move(shards));
    }
    return Json::object(
        {{"schema", 1},
         {"splits", std::move(splits)},
         {"recipe", manifest.recipe},
         {"report", manifest.report}}
    );
}

Result<Manifest> manifest_from(const Json& json) {
    const auto* splits = json["splits"].as_object();
    if (json.int_or("schema", 0) != 1 || splits == nullptr) {
        return Error{ErrorCode::kInvalid, "this is no dataset manifest of schema 1"};
    }
    Manifest manifest{.splits = {}, .recipe = json["recipe"], .report = json["report"]};
    for (const auto& [name, shards] : *splits) {
        Split split{.name = name, .shards = {}};
        for (std::size_t i = 0; shards.as_array() != nullptr && i < shards.as_array()->size(); ++i) {
            const Json& shard = (*shards.as_array())[i];
            split.shards.push_back(
                {shard.string_or("object", ""), shard.int_or("records", 0), shard.int_or("bytes", 0)}
            );
        }
        manifest.splits.push_back(std::move(split));
    }
    return manifest;
}

}  // namespace capstan::data
