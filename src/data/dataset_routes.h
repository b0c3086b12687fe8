#pragma once

// The HTTP face of datasets.

#include "data/dataset_service.h"
#include "platform/http/router.h"

namespace capstan::data {

void add_dataset_routes(http::Router& router, DatasetService& datasets);  // `datasets` outlives `router`.

}  // namespace capstan::data
