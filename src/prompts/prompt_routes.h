#pragma once

// The HTTP face of prompts.

#include "platform/http/router.h"
#include "prompts/prompt_service.h"

namespace capstan::prompts {

void add_prompt_routes(http::Router& router, PromptService& prompts);  // `prompts` outlives `router`.

}  // namespace capstan::prompts
