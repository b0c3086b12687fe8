#pragma once

// Reads training records (JSON lines) and turns them into tokens.
//
// A record is a document, {"text": …} or {"tokens": [id, …]}, or a conversation, {"question": …, "answer": …}
// or {"messages": [{"role", "content"}, …]}. One corpus holds one of the two kinds.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trainer/token_file.h"

namespace capstan::trainer {

// The tokens that mark documents and turns. -1: the tokenizer has none; records that need it are refused.
struct MarkerTokens {
    std::int64_t end_of_text = -1;
    std::int64_t system = -1;
    std::int64_t user = -1;
    std::int64_t assistant = -1;
    std::int64_t end = -1;
};

struct TextEncoder {
    // Plain text to tokens; what looks like a special token in it is ordinary text.
    std::function<Result<std::vector<std::uint32_t>>(std::string_view text)> encode;
    MarkerTokens markers;
    std::uint64_t fingerprint = 0;  // Of the tokenizer.
};

struct CorpusLimits {
    std::int64_t vocab_size = 0;
    std::int64_t chat_tokens_max = 0;  // A longer conversation loses its end.
};

// The records of `paths` in their order. Kept at `cache`, and read from there when neither the files nor the
// tokenizer nor the limits have changed.
//   A document is <|endoftext|> and its tokens; one more <|endoftext|> ends the last.
//   A conversation is <|role|> "\n" content <|end|> "\n" for each turn; learnt are the contents of the
//   assistant's turns and their <|end|>.
// kInvalid, naming file and line, for a record of neither form or a mixture of the two.
Result<TokenFile> tokenised_corpus(
    const std::vector<std::filesystem::path>& paths,
    const TextEncoder& encoder,
    const CorpusLimits& limits,
    const std::filesystem::path& cache
);

}  // namespace capstan::trainer
