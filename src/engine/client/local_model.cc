#include "engine/client/local_model.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <malloc.h>

#include "base/clock.h"
#include "engine/client/local_answer.h"
#include "engine/client/stop_filter.h"
#include "engine/client/submissions.h"
#include "engine/client/text_stream.h"
#include "engine/client/tool_choice.h"

namespace capstan::engine {
namespace {

constexpr int kTopTokensMax = 20;
constexpr std::size_t kTextsAtOnceMax = 8;

double ms_since(std::int64_t begin_us) {
    return static_cast<double>(monotonic_now_us() - begin_us) / 1000;
}

std::vector<double> log_probabilities_of(const std::vector<ScoredToken>& scores) {
    std::vector<double> values;
    values.reserve(scores.size());
    for (const ScoredToken& score : scores) {
        values.push_back(score.log_probability);
    }
    return values;
}

// Waits for a channel of scoring.
Result<std::vector<double>> wait_for_scores(TokenChannel& channel) {
    while (channel.next()) {
    }
    if (const auto outcome = channel.outcome(); !outcome) {
        return outcome.error();
    }
    return log_probabilities_of(channel.take_prompt_scores());
}

Result<void> check_options(const llm::GenerateRequest& request, const GenerateOptions& options) {
    if (request.completion_tokens_max < (options.score_prompt ? 0 : 1)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("completion tokens are {}; at least 1 is needed", request.completion_tokens_max)
        };
    }
    if (options.top_tokens < 0 || options.top_tokens > kTopTokensMax) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("top tokens are {}; they must be 0 to {}", options.top_tokens, kTopTokensMax)
        };
    }
    return check_stops(request.stop);
}

// Drops the first of `tokens`, as many as the request says.
Result<void> keep_last(
    const llm::GenerateRequest& request, std::int64_t context_tokens, std::vector<llm::TokenId>& tokens
) {
    std::int64_t kept = request.prompt_tokens_max;
    if (kept == 0) {
        return {};
    }
    if (kept > context_tokens) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "a prompt of the last {} tokens is asked for; the context holds {}", kept, context_tokens
            )
        };
    }
    if (kept < 0) {
        kept = std::max<std::int64_t>(1, context_tokens - request.completion_tokens_max);
    }
    const std::int64_t dropped = std::max<std::int64_t>(0, std::ssize(tokens) - kept);
    tokens.erase(tokens.begin(), tokens.begin() + dropped);
    return {};
}

}  // namespace

Result<std::unique_ptr<LocalModel>> LocalModel::open(const ModelOptions& options) {
    auto engine = SleepingEngine::start(options.directory, options.engine);
    if (!engine) {
        return engine.error();
    }
    const ModelConfig& config = (*engine)->config();
    auto encoder = PromptEncoder::open(options.directory, config);
    if (!encoder) {
        return encoder.error();
    }
    if (options.context_tokens_max < 0) {
        return Error{ErrorCode::kInvalid, "the context must not be negative"};
    }
    std::int64_t context = std::min(config.positions_max, (*engine)->kv_tokens_total());
    if (options.context_tokens_max > 0) {
        context = std::min(context, options.context_tokens_max);
    }
    std::unique_ptr<LocalModel> model(new LocalModel(
        {.engine = std::move(*engine),
         .encoder = std::move(*encoder),
         .adapter_precision = options.adapter_precision,
         .context_tokens = context,
         .grammar_cache_bytes = options.grammar_cache_bytes}
    ));
    for (const auto& [name, directory] : options.adapters) {
        if (auto good = model->load_adapter(name, directory); !good) {
            return good.error();
        }
    }
    return model;
}

Result<std::unique_ptr<llm::Answer>> LocalModel::start(
    const llm::GenerateRequest& request, llm::OnChange on_change
) {
    auto answers = start_many(request, 1, on_change);
    if (!answers) {
        return answers.error();
    }
    return std::move(answers->front());
}

Result<std::vector<std::unique_ptr<llm::Answer>>> LocalModel::start_many(
    const llm::GenerateRequest& request, std::size_t count, const llm::OnChange& on_change
) {
    const std::int64_t began_us = monotonic_now_us();
    const auto tool_format = tool_format_of(request, encoder_.tool_call_format());
    auto constraint = tool_format ? constraint_of(request) : Result<llm::Constraint>(tool_format.error());
    if (!constraint) {
        return constraint.error();
    }
    llm::GenerateRequest asked = request;
    asked.constraint = std::move(*constraint);
    const bool is_scored = request.top_tokens.has_value();
    const bool scores_prompt = request.prompt_top_tokens.has_value() ||
                               (request.echoes_prompt && (is_scored || request.completion_tokens_max == 0));
    if (request.beams && (scores_prompt || request.completion_tokens_min > 0)) {
        return Error{
            ErrorCode::kInvalid, "a beam search does not score its prompt, and has no least number of tokens"
        };
    }
    auto sequence = sequence_of(
        asked,
        {.score_prompt = scores_prompt,
         .rank_prompt = request.prompt_top_tokens.has_value(),
         .score_completion = is_scored,
         .top_tokens = std::max(request.top_tokens.value_or(0), request.prompt_top_tokens.value_or(0)),
         .ignore_end = request.ignores_end}
    );
    if (!sequence) {
        return sequence.error();
    }
    const auto engine = engine_->engine();
    if (!engine) {
        return engine.error();
    }
    auto channels = (*engine)->submit_branches(*sequence, count, on_change);
    if (!channels) {
        return channels.error();
    }
    const auto prompt = std::make_shared<const std::vector<llm::TokenId>>(std::move(sequence->prompt));
    std::vector<std::unique_ptr<llm::Answer>> answers;
    for (auto& channel : *channels) {
        answers.push_back(std::make_unique<LocalAnswer>(LocalAnswer::Parts{
            .tokenizer = tokenizer(),
            .request = request,
            .prompt = prompt,
            .channel = std::move(channel),
            .began_us = began_us,
            .tool_format = *tool_format,
            .is_prompt_cut = request.prompt_tokens_max != 0
        }));
    }
    return answers;
}

Result<ScoredResult> LocalModel::generate_scored(
    const llm::GenerateRequest& request, const GenerateOptions& options, const llm::OnText& on_text
) {
    const std::int64_t begin_us = monotonic_now_us();
    auto sequence = sequence_of(request, options);
    if (!sequence) {
        return sequence.error();
    }
    ScoredResult scored = {
        .result = {}, .prompt_tokens = sequence->prompt, .prompt_scores = {}, .completion = {}
    };
    llm::GenerateResult& result = scored.result;
    result.usage.prompt_tokens = std::ssize(scored.prompt_tokens);
    const auto engine = engine_->engine();
    if (!engine) {
        return engine.error();
    }
    const auto submitted = (*engine)->submit(std::move(*sequence));
    if (!submitted) {
        return submitted.error();
    }
    TokenChannel& channel = **submitted;
    const std::stop_callback on_stop(options.stop, [&channel] { channel.cancel(); });
    TextStream stream({.tokenizer = tokenizer(), .stops = request.stop, .on_text = on_text});
    while (auto token = channel.next()) {
        if (result.usage.completion_tokens++ == 0) {
            result.first_token_ms = ms_since(begin_us);
        }
        const bool goes_on = stream.push(*token);
        scored.completion.push_back(std::move(*token));
        if (!goes_on) {
            channel.cancel();  // Nobody reads what may still come.
            break;
        }
    }
    stream.finish();
    result.usage.cached_prompt_tokens = channel.start().cached_prompt_tokens;
    result.total_ms = ms_since(begin_us);
    if (stream.stopped()) {
        result.finish_reason = llm::FinishReason::kStop;
    } else if (stream.cancelled()) {
        result.finish_reason = llm::FinishReason::kCancelled;
    } else {
        const auto outcome = channel.outcome();
        if (!outcome) {
            return outcome.error();
        }
        result.finish_reason = *outcome;
    }
    result.text = stream.take_text();
    scored.prompt_scores = channel.take_prompt_scores();
    return scored;
}

Result<SequenceRequest> LocalModel::sequence_of(
    const llm::GenerateRequest& request, const GenerateOptions& options
) const {
    if (auto good = check_options(request, options); !good) {
        return good.error();
    }
    if (auto good = check_sampling(request.sampling, config().vocabulary); !good) {
        return good.error();
    }
    auto adapter = adapters_.find(request.adapter);
    if (!adapter) {
        return adapter.error();
    }
    auto tokens = encoder_.encode(request);
    if (!tokens) {
        return tokens.error();
    }
    auto grammar = grammars_.grammar_of(request);
    if (!grammar) {
        return grammar.error();
    }
    if (auto good = keep_last(request, context_tokens_, *tokens); !good) {
        return good.error();
    }
    const std::int64_t room = context_tokens_ - std::ssize(*tokens);
    if (room < std::min(1, request.completion_tokens_max)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "the prompt has {} tokens and the context holds {}, with the continuation: shorten it",
                tokens->size(),
                context_tokens_
            )
        };
    }
    return SequenceRequest{
        .prompt = std::move(*tokens),
        .completion_tokens_max = std::min<std::int64_t>(request.completion_tokens_max, room),
        .sampling = request.sampling,
        .adapter = std::move(*adapter),
        .grammar = std::move(*grammar),
        .score_prompt = options.score_prompt,
        .score_completion = options.score_completion,
        .top_tokens = options.top_tokens,
        .rank_prompt = options.rank_prompt,
        .ignore_end = options.ignore_end,
        .completion_tokens_min = request.completion_tokens_min,
        .ends = ends_of(request, options.ignore_end),
        .priority = request.priority,
        .fairness_key = request.fairness_key,
        .beams = request.beams,
        .deadline_at_ms = request.deadline_ms > 0 ? monotonic_now_ms() + request.deadline_ms : 0,
    };
}

// What must not come before the answer is long enough; nothing when it may be of any length.
std::vector<llm::TokenId> LocalModel::ends_of(const llm::GenerateRequest& request, bool ignores_end) const {
    std::vector<llm::TokenId> ends;
    if (request.completion_tokens_min > 0) {
        ends = request.stop_tokens;
        if (!ignores_end) {
            ends.insert(ends.end(), config().end_tokens.begin(), config().end_tokens.end());
        }
    }
    return ends;
}

Result<std::vector<double>> LocalModel::token_log_probabilities(
    std::span<const llm::TokenId> tokens, const std::string& adapter
) {
    const auto found = adapters_.find(adapter);
    if (!found) {
        return found.error();
    }
    const auto channel = submit_scoring(tokens, *found);
    if (!channel) {
        return channel.error();
    }
    return wait_for_scores(**channel);
}

Result<std::vector<std::vector<double>>> LocalModel::token_log_probabilities_of(
    std::span<const std::vector<llm::TokenId>> texts, const std::string& adapter
) {
    const auto found = adapters_.find(adapter);
    if (!found) {
        return found.error();
    }
    std::vector<std::vector<double>> all;
    const auto submit = [&](std::size_t i) { return submit_scoring(texts[i], *found); };
    const auto take = [&](TokenChannel& channel) -> Result<void> {
        auto scores = wait_for_scores(channel);
        if (!scores) {
            return scores.error();
        }
        all.push_back(std::move(*scores));
        return {};
    };
    const auto done = submit_all({.count = texts.size(), .at_once_max = kTextsAtOnceMax}, submit, take);
    if (!done) {
        return done.error();
    }
    return all;
}

Result<std::shared_ptr<TokenChannel>> LocalModel::submit_scoring(
    std::span<const llm::TokenId> tokens, const std::shared_ptr<const Adapter>& adapter
) {
    auto prompt = encoder_.encode(std::vector<llm::TokenId>(tokens.begin(), tokens.end()));
    if (!prompt) {
        return prompt.error();
    }
    if (tokens.empty() || std::ssize(tokens) > context_tokens_) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("{} tokens to score; 1 to {} can be", tokens.size(), context_tokens_)
        };
    }
    const auto engine = engine_->engine();
    if (!engine) {
        return engine.error();
    }
    return (*engine)->submit(
        {.prompt = std::move(*prompt), .completion_tokens_max = 0, .adapter = adapter, .score_prompt = true}
    );
}

Result<void> LocalModel::load_adapter(const std::string& name, const std::filesystem::path& directory) {
    auto loaded = adapters_.load(name, directory, config());
    malloc_trim(0);  // What reading took, and adapters before it. Each may be of another thread's arena.
    return loaded;
}

Result<void> LocalModel::unload_adapter(const std::string& name) {
    auto unloaded = adapters_.unload(name);
    malloc_trim(0);
    return unloaded;
}

ModelStats LocalModel::stats() const {
    return {
        .engine = engine_->stats(),
        .grammar_bytes = static_cast<std::int64_t>(grammars_.bytes()),
        .adapters = adapters_.names()
    };
}

}  // namespace capstan::engine
