#include "trainer/text_encoder.h"

#include <memory>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "text/tokenizer.h"

namespace capstan::trainer {
namespace {

constexpr std::uint64_t kTokenizerBytesMax = std::uint64_t{256} << 20;

}  // namespace

Result<LoadedEncoder> load_encoder(const std::filesystem::path& file) {
    const auto text = read_file(file, kTokenizerBytesMax);
    if (!text) {
        return text.error();
    }
    auto parsed = text::Tokenizer::parse(*text);
    if (!parsed) {
        return with_context(file.string(), parsed.error());
    }
    // Shared because std::function copies what it holds.
    const auto tokenizer = std::make_shared<const text::Tokenizer>(std::move(*parsed));
    const auto id_of = [&](std::string_view token) -> std::int64_t {
        return tokenizer->id_of(token).value_or(-1);
    };
    LoadedEncoder loaded;
    loaded.vocabulary_size = static_cast<std::int64_t>(tokenizer->vocabulary_size());
    loaded.encoder.fingerprint = xxh3_64(*text);
    loaded.encoder.markers = {
        .end_of_text = id_of("<|endoftext|>"),
        .system = id_of("<|system|>"),
        .user = id_of("<|user|>"),
        .assistant = id_of("<|assistant|>"),
        .end = id_of("<|end|>"),
    };
    loaded.encoder.encode = [tokenizer](std::string_view content) -> Result<std::vector<std::uint32_t>> {
        const auto ids =
            tokenizer->encode(content, {.add_special_tokens = false, .parse_special_tokens = false});
        return std::vector<std::uint32_t>(ids.begin(), ids.end());
    };
    return loaded;
}

}  // namespace capstan::trainer
