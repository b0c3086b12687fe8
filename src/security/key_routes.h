#pragma once

// The HTTP face of keys and the audit log.

#include "platform/http/router.h"
#include "security/key_service.h"

namespace capstan::security {

void add_key_routes(http::Router& router, KeyService& keys);  // `keys` outlives `router`.

}  // namespace capstan::security
