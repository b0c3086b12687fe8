#include "training/tokenizer_job.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "text/bpe_trainer.h"
#include "text/chat_template.h"
#include "text/tokenizer_writer.h"

namespace capstan::training {
namespace {

constexpr std::int64_t kVocabularyMin = 300;  // 256 bytes and the special tokens.
constexpr std::int64_t kVocabularyMax = 1'000'000;
constexpr std::int64_t kReportEveryMs = 500;

// The first begins and ends documents; the rest mark the turns of a conversation
// (text::default_chat_template).
const std::vector<std::string> kSpecialTokens = {
    "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
};

struct Spec {
    std::vector<std::string> inputs;
    std::size_t vocabulary_size = 4096;
    std::uint64_t text_bytes_max = 0;
};

Result<Spec> spec_from(const Json& json) {
    Spec spec;
    const auto* inputs = json["inputs"].as_array();
    for (std::size_t i = 0; inputs != nullptr && i < inputs->size(); ++i) {
        if (const auto* path = (*inputs)[i].as_string()) {
            spec.inputs.push_back(*path);
        }
    }
    if (inputs == nullptr || inputs->empty() || spec.inputs.size() != inputs->size()) {
        return Error{ErrorCode::kInvalid, "'inputs' must be a list of paths of .jsonl files"};
    }
    const auto size = json.int_or("vocabulary_size", 4096);
    if (size < kVocabularyMin || size > kVocabularyMax) {
        return Error{ErrorCode::kInvalid, "'vocabulary_size' must be from 300 to 1,000,000"};
    }
    spec.vocabulary_size = static_cast<std::size_t>(size);
    spec.text_bytes_max =
        static_cast<std::uint64_t>(std::max<std::int64_t>(json.int_or("text_bytes_max", 0), 0));
    return spec;
}

// Progress, now and then.
class Reporter {
public:
    explicit Reporter(const JobDirectory& directory) : directory_(directory) {}

    void report(std::size_t step, std::size_t steps_total, std::string message) {
        const std::int64_t now_ms = monotonic_now_ms();
        if (now_ms - last_ms_ < kReportEveryMs) {
            return;
        }
        last_ms_ = now_ms;
        const auto reported = directory_.report(
            {.step = static_cast<std::int64_t>(step),
             .steps_total = static_cast<std::int64_t>(steps_total),
             .message = std::move(message)}
        );
        if (!reported) {
            log_warning("progress not reported", {{"reason", reported.error().message}});
        }
    }

private:
    const JobDirectory& directory_;
    std::int64_t last_ms_ = 0;
};

Result<void> add_file(const std::string& path, const Spec& spec, text::BpeTrainer& trainer) {
    auto file = MappedFile::open(path);
    if (!file) {
        return file.error();
    }
    std::string_view rest = file->bytes();
    while (!rest.empty() && (spec.text_bytes_max == 0 || trainer.bytes() < spec.text_bytes_max)) {
        if (stop_requested()) {
            return Error{ErrorCode::kCancelled, "stopped"};
        }
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (end > 0) {
            const auto record = parse_json(rest.substr(0, end));
            if (!record) {
                return with_context(path, record.error());
            }
            if (const auto* body = (*record)["text"].as_string()) {
                trainer.add(*body);
            }
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

}  // namespace

Result<Json> run_tokenizer_job(const JobDirectory& directory) {
    const auto json = directory.read_spec();
    const auto spec = json ? spec_from(*json) : Result<Spec>(json.error());
    if (!spec) {
        return spec.error();
    }
    Reporter reporter(directory);
    text::BpeTrainer trainer({.vocabulary_size = spec->vocabulary_size, .special_tokens = kSpecialTokens});
    for (std::size_t i = 0; i < spec->inputs.size(); ++i) {
        if (auto added = add_file(spec->inputs[i], *spec, trainer); !added) {
            return added.error();
        }
        reporter.report(i + 1, spec->inputs.size(), "counting words");
    }
    text::BpeWatch watch;
    watch.stop_requested = stop_requested;
    watch.on_progress = [&](const text::BpeProgress& progress) {
        reporter.report(progress.tokens, progress.tokens_wanted, "merging pairs");
    };
    const auto vocabulary = trainer.train(watch);
    if (!vocabulary) {
        return vocabulary.error();
    }
    const text::TokenizerConfig config{
        .bos_token = kSpecialTokens.front(),
        .eos_token = kSpecialTokens.front(),
        .chat_template = std::string(text::default_chat_template())
    };
    if (auto written = text::write_tokenizer(directory.out(), *vocabulary, config); !written) {
        return written.error();
    }
    return Json::object(
        {{"vocabulary_size", vocabulary->tokens.size()},
         {"bytes", trainer.bytes()},
         {"words", trainer.distinct_words()}}
    );
}

}  // namespace capstan::training
