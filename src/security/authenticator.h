#pragma once

// The check in front of every route: which key was shown, and whether its role has the route's permission.

#include "platform/http/router.h"
#include "security/key_service.h"

namespace capstan::security {

// Takes the key from "Authorization: Bearer KEY", from "Authorization: Basic" (as the password) or from
// "x-api-key". kUnauthorized without a good key; kDenied, naming role and permission, when the role lacks it.
// Refusals of known keys are audited. `keys` outlives the router.
http::Authenticator make_authenticator(KeyService& keys);

// The key that a request was authenticated with. The request must have passed the authenticator.
const ApiKey& key_of(const http::Request& request);

}  // namespace capstan::security
