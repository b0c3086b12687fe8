#include "trainer/corpus.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "trainer/random_order.h"

namespace capstan::trainer {
namespace {

constexpr std::uint64_t kFormatVersion = 1;
constexpr std::string_view kConversationForm =
    "a conversation is {\"question\", \"answer\"} or {\"messages\": [{\"role\", \"content\"}, ...]}";

struct Turn {
    std::int64_t marker = -1;
    std::string_view content;
    bool learn = false;
};

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

class CorpusBuilder {
public:
    CorpusBuilder(const TextEncoder& encoder, const CorpusLimits& limits)
        : encoder_(encoder), limits_(limits) {}

    Result<void> add_file(std::string_view content) {
        std::size_t line = 0;
        while (!content.empty()) {
            ++line;
            const std::size_t end = std::min(content.find('\n'), content.size());
            const std::string_view text = content.substr(0, end);
            content.remove_prefix(std::min(end + 1, content.size()));
            if (text.find_first_not_of(" \t\r") == std::string_view::npos) {
                continue;
            }
            const auto json = parse_json(text);
            const auto added = json ? add_record(*json) : Result<void>(json.error());
            if (!added) {
                return with_context(fmt::format("line {}", line), added.error());
            }
        }
        return {};
    }

    Result<TokenRecords> finish() {
        if (records_.ends.empty()) {
            return invalid("there is no record with text in it");
        }
        if (records_.kind == RecordKind::kDocuments && encoder_.markers.end_of_text >= 0) {
            append(static_cast<std::uint32_t>(encoder_.markers.end_of_text), true);
            records_.ends.push_back(records_.tokens.size());
        }
        return std::move(records_);
    }

private:
    const TextEncoder& encoder_;
    const CorpusLimits& limits_;
    TokenRecords records_;
    std::optional<RecordKind> kind_;

    Result<void> add_record(const Json& json) {
        if (json["text"].is_string() || json["tokens"].is_array()) {
            if (auto same = set_kind(RecordKind::kDocuments); !same) {
                return same;
            }
            return json["tokens"].is_array() ? add_tokens(*json["tokens"].as_array())
                                             : add_document(*json["text"].as_string());
        }
        auto turns = turns_of(json);
        if (!turns) {
            return turns.error();
        }
        if (auto same = set_kind(RecordKind::kChats); !same) {
            return same;
        }
        return add_chat(*turns);
    }

    Result<void> set_kind(RecordKind kind) {
        if (kind_.value_or(kind) != kind) {
            return invalid("documents and conversations are mixed; keep them in separate jobs");
        }
        kind_ = records_.kind = kind;
        return {};
    }

    void append(std::uint32_t token, bool learn) {
        records_.tokens.push_back(learn ? token | kLearnBit : token);
    }

    Result<void> encode(std::string_view text, bool learn) {
        if (!encoder_.encode) {
            return invalid("text needs a tokenizer; name one as 'tokenizer'");
        }
        const auto tokens = encoder_.encode(text);
        if (!tokens) {
            return tokens.error();
        }
        for (const std::uint32_t token : *tokens) {
            if (token >= limits_.vocab_size) {
                return invalid(fmt::format(
                    "the tokenizer gives token {}, the model has only {}", token, limits_.vocab_size
                ));
            }
            append(token, learn);
        }
        return {};
    }

    void begin_document() {
        if (encoder_.markers.end_of_text >= 0) {
            append(static_cast<std::uint32_t>(encoder_.markers.end_of_text), true);
        }
    }

    Result<void> add_document(std::string_view text) {
        if (text.empty()) {
            return {};
        }
        begin_document();
        auto encoded = encode(text, true);
        records_.ends.push_back(records_.tokens.size());
        return encoded;
    }

    Result<void> add_tokens(const Json::Array& tokens) {
        begin_document();
        for (const Json& token : tokens) {
            const auto id = token.as_int();
            if (!id || *id < 0 || *id >= limits_.vocab_size) {
                return invalid(
                    fmt::format("'tokens' has {}; ids are 0 to {}", token.dump(), limits_.vocab_size - 1)
                );
            }
            append(static_cast<std::uint32_t>(*id), true);
        }
        records_.ends.push_back(records_.tokens.size());
        return {};
    }

    Result<std::vector<Turn>> turns_of(const Json& json) const {
        const MarkerTokens& markers = encoder_.markers;
        if (json["question"].is_string() && json["answer"].is_string()) {
            return std::vector<Turn>{
                {markers.user, *json["question"].as_string(), false},
                {markers.assistant, *json["answer"].as_string(), true}
            };
        }
        const auto* messages = json["messages"].as_array();
        if (messages == nullptr) {
            return invalid(fmt::format("no record: a document is {{\"text\": ...}}, {}", kConversationForm));
        }
        std::vector<Turn> turns;
        for (const Json& message : *messages) {
            const auto* content = message["content"].as_string();
            const auto role = message.string_or("role", "");
            if (content == nullptr || (role != "system" && role != "user" && role != "assistant")) {
                return invalid(fmt::format("a message needs a role and a content; {}", kConversationForm));
            }
            const bool learn = role == "assistant";
            const auto marker = learn ? markers.assistant : role == "user" ? markers.user : markers.system;
            turns.push_back({marker, *content, learn});
        }
        return turns;
    }

    // Contents are encoded apart from the line feed before them, as when an answer is generated.
    Result<void> add_turn(const Turn& turn) {
        if (turn.marker < 0 || encoder_.markers.end < 0) {
            return invalid("the tokenizer has no <|system|>, <|user|>, <|assistant|> and <|end|>");
        }
        append(static_cast<std::uint32_t>(turn.marker), false);
        auto encoded = turn.learn ? encode("\n", false) : encode(fmt::format("\n{}", turn.content), false);
        if (encoded && turn.learn) {
            encoded = encode(turn.content, true);
        }
        if (!encoded) {
            return encoded;
        }
        append(static_cast<std::uint32_t>(encoder_.markers.end), turn.learn);
        return encode("\n", false);
    }

    Result<void> add_chat(const std::vector<Turn>& turns) {
        const std::size_t begin = records_.tokens.size();
        for (const Turn& turn : turns) {
            if (auto added = add_turn(turn); !added) {
                return added;
            }
        }
        // One token more than the model sees: the last one is only a label.
        const auto tokens_max = static_cast<std::size_t>(limits_.chat_tokens_max) + 1;
        if (records_.tokens.size() - begin > tokens_max) {
            records_.tokens.resize(begin + tokens_max);
            ++records_.truncated;
        }
        const auto learnt = std::count_if(
            records_.tokens.begin() + static_cast<std::ptrdiff_t>(begin),
            records_.tokens.end(),
            [](std::uint32_t token) { return (token & kLearnBit) != 0; }
        );
        if (learnt == 0) {  // Nothing of the assistant's is left.
            records_.tokens.resize(begin);
            return {};
        }
        records_.ends.push_back(records_.tokens.size());
        return {};
    }
};

}  // namespace

Result<TokenFile> tokenised_corpus(
    const std::vector<std::filesystem::path>& paths,
    const TextEncoder& encoder,
    const CorpusLimits& limits,
    const std::filesystem::path& cache
) {
    std::vector<MappedFile> files;
    std::uint64_t fingerprint = mix_seed(encoder.fingerprint, kFormatVersion);
    fingerprint = mix_seed(fingerprint, static_cast<std::uint64_t>(limits.vocab_size));
    fingerprint = mix_seed(fingerprint, static_cast<std::uint64_t>(limits.chat_tokens_max));
    for (const auto& path : paths) {
        auto file = MappedFile::open(path);
        if (!file) {
            return file.error();
        }
        fingerprint = mix_seed(fingerprint, xxh3_64(file->bytes()));
        files.push_back(std::move(*file));
    }
    if (auto kept = TokenFile::open(cache, fingerprint)) {
        return kept;
    }
    CorpusBuilder builder(encoder, limits);
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (auto added = builder.add_file(files[i].bytes()); !added) {
            return with_context(paths[i].string(), added.error());
        }
    }
    const auto records = builder.finish();
    if (!records) {
        return with_context(paths.front().string(), records.error());
    }
    if (auto written = TokenFile::write(cache, *records, fingerprint); !written) {
        return written.error();
    }
    return TokenFile::open(cache, fingerprint);
}

}  // namespace capstan::trainer
