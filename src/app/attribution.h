#pragma once

// Which records of a dataset are closest to an answer: what it most likely learned from.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "data/dataset_service.h"

namespace capstan::app {

struct ClosestRecord {
    Json record;
    double similarity = 0;  // Share of the query's word weight that the record has, 0 to 1.
};

// The `count` records of split train with the greatest similarity, best first. Words weigh by their inverse
// document frequency (Sparck Jones 1972); of a record the first 4,000 bytes count. It is a measure of
// likeness, not a proof of influence. Cost: reads the split once.
Result<std::vector<ClosestRecord>> closest_records(
    data::DatasetService& datasets, const data::Manifest& manifest, std::string_view query, std::size_t count
);

}  // namespace capstan::app
