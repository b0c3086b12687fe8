#pragma once

// The audit of changes: who asked for what, and whether it was done.

#include "platform/http/router.h"
#include "security/key_service.h"

namespace capstan::security {

// Writes an audit event behind every Handler of `router` that is no GET: the action is the route, the subject
// the path, with the id of what was made. Not for feedback, which is data and comes with every answer; nor
// for model calls, which are traces. Once, after every route was added; `keys` outlives the router.
void audit_changes(http::Router& router, KeyService& keys);

}  // namespace capstan::security
