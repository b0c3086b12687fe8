#pragma once

// The metadata of a GGUF file as Hugging Face's config.json would say it, so that configurations have one
// reader.

#include "base/json.h"
#include "base/result.h"
#include "engine/files/gguf.h"

namespace capstan::engine {

// For llama (also as Mistral, with a sliding window, and Mixtral, with experts), qwen2, qwen2moe, qwen3,
// qwen3moe, gemma, gemma2, gemma3, phi3, gpt2 and bert. Only keys of which the file says something are there;
// nothing is checked that the reader of a config.json checks. Divisors of rotary frequencies become Llama 3's
// or LongRoPE's scaling. kInvalid, naming the key, for another architecture and for what has no such form.
Result<Json> config_json_of(const GgufFile& file);

}  // namespace capstan::engine
