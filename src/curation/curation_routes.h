#pragma once

// The HTTP face of curation.

#include "curation/curation_service.h"
#include "platform/http/router.h"

namespace capstan::curation {

void add_curation_routes(http::Router& router, CurationService& curations);  // `curations` outlives `router`.

}  // namespace capstan::curation
