#pragma once

// The job "tokenizer.train", in its own process: shards of text in, tokenizer.json and tokenizer_config.json
// out.

#include <string_view>

#include "base/job_directory.h"
#include "base/json.h"
#include "base/result.h"

namespace capstan::training {

inline constexpr std::string_view kTokenizerJob = "tokenizer.train";

// Specification: {"inputs": [paths of .jsonl], "vocabulary_size": 300 to 1,000,000, "text_bytes_max": 0 for
// all}. Result:
// {"vocabulary_size", "bytes", "words"}; the files are out/tokenizer.json and out/tokenizer_config.json.
// Started again after a crash it starts over: it takes seconds.
Result<Json> run_tokenizer_job(const JobDirectory& directory);

}  // namespace capstan::training
