#pragma once

// The HTTP face of prices and the ledger.

#include "platform/http/router.h"
#include "spend/spend_service.h"

namespace capstan::spend {

void add_spend_routes(http::Router& router, SpendService& spend);  // `spend` outlives `router`.

}  // namespace capstan::spend
