#pragma once

// The HTTP face of lineage.

#include "lineage/lineage_service.h"
#include "platform/http/router.h"

namespace capstan::lineage {

void add_lineage_routes(http::Router& router, LineageService& lineage);  // `lineage` outlives `router`.

}  // namespace capstan::lineage
