#include "engine/client/local_encoder.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <utility>

#include <malloc.h>

#include "base/clock.h"
#include "engine/client/vector_scores.h"
#include "engine/files/model_text.h"

namespace capstan::engine {
namespace {

Error given_up() {
    return {ErrorCode::kCancelled, "the call was given up before the model was free"};
}

}  // namespace

Result<std::unique_ptr<LocalEncoder>> LocalEncoder::open(const std::filesystem::path& model, int threads) {
    auto opened = EncoderModel::open(model, threads);
    if (!opened) {
        return opened.error();
    }
    auto tokenizer = load_tokenizer(model);
    if (!tokenizer) {
        return tokenizer.error();
    }
    return std::unique_ptr<LocalEncoder>(new LocalEncoder(
        {.path = model, .threads = threads, .tokenizer = std::move(*tokenizer), .model = std::move(*opened)}
    ));
}

Result<llm::Embeddings> LocalEncoder::embed(
    std::span<const llm::EncoderInput> inputs, const llm::EncoderCall& call
) {
    std::vector<std::vector<llm::TokenId>> tokens;
    std::vector<EncoderText> texts;
    llm::Embeddings all;
    for (const llm::EncoderInput& input : inputs) {
        const auto* ids = std::get_if<std::vector<llm::TokenId>>(&input);
        tokens.push_back(
            ids != nullptr ? *ids
                           : tokenizer_.encode(
                                 std::get<std::string>(input),
                                 {.add_special_tokens = true, .parse_special_tokens = false}
                             )
        );
        all.prompt_tokens += std::ssize(tokens.back());
    }
    for (const auto& ids : tokens) {
        texts.push_back({.tokens = ids, .types = {}});
    }
    const auto values = run(call, [&](const auto& must_stop) { return model_->embed(texts, must_stop); });
    if (!values) {
        return values.error();
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto row = std::span(*values).subspan(i * dimensions_, dimensions_);
        all.vectors.emplace_back(row.begin(), row.end());
    }
    return all;
}

Result<llm::PairScores> LocalEncoder::score(
    std::span<const llm::TextPair> pairs, const llm::EncoderCall& call
) {
    if (!can_score_) {
        return score_by_cosine(*this, pairs, call);
    }
    std::vector<text::EncodedPair> encoded;
    std::vector<EncoderText> texts;
    llm::PairScores all;
    for (const llm::TextPair& pair : pairs) {
        encoded.push_back(tokenizer_.encode_pair(
            pair.first, pair.second, {.add_special_tokens = true, .parse_special_tokens = false}
        ));
        all.prompt_tokens += std::ssize(encoded.back().ids);
    }
    for (const text::EncodedPair& pair : encoded) {
        texts.push_back({.tokens = pair.ids, .types = pair.type_ids});
    }
    auto logits = run(call, [&](const auto& must_stop) { return model_->score(texts, must_stop); });
    if (!logits) {
        return logits.error();
    }
    all.scores = std::move(*logits);
    for (float& score : all.scores) {
        score = 1 / (1 + std::exp(-score));
    }
    return all;
}

Result<std::vector<float>> LocalEncoder::run(
    const llm::EncoderCall& call,
    const std::function<Result<std::vector<float>>(const EncoderModel::MustStop&)>& work
) {
    using std::chrono::milliseconds;
    constexpr std::int64_t kForeverMs = std::int64_t{365} * 24 * 3600 * 1000;
    {
        std::unique_lock lock(mutex_);
        const std::int64_t left_ms =
            call.deadline_at_ms == 0 ? kForeverMs : call.deadline_at_ms - monotonic_now_ms();
        if (!freed_.wait_for(lock, call.stop, milliseconds(left_ms), [this] { return !is_busy_; })) {
            return given_up();
        }
        if (model_ == nullptr) {
            return Error{ErrorCode::kUnavailable, "the engine is asleep: POST /wake_up first"};
        }
        is_busy_ = true;
    }
    auto done = work([&call] {
        const bool is_late = call.deadline_at_ms != 0 && monotonic_now_ms() >= call.deadline_at_ms;
        return is_late || call.stop.stop_requested();
    });
    set_free({});
    return done;
}

void LocalEncoder::set_free(std::unique_ptr<EncoderModel> woken) {
    {
        const std::scoped_lock lock(mutex_);
        is_busy_ = false;
        if (woken != nullptr) {
            model_ = std::move(woken);
        }
    }
    freed_.notify_all();
}

void LocalEncoder::sleep() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return !is_busy_; });
    model_.reset();
    malloc_trim(0);
}

Result<void> LocalEncoder::wake() {
    {
        std::unique_lock lock(mutex_);
        freed_.wait(lock, [this] { return !is_busy_; });
        if (model_ != nullptr) {
            return {};
        }
        is_busy_ = true;  // Who calls meanwhile waits.
    }
    auto opened = EncoderModel::open(path_, threads_);
    set_free(opened ? std::move(*opened) : nullptr);
    return opened ? Result<void>() : opened.error();
}

bool LocalEncoder::is_asleep() const {
    const std::scoped_lock lock(mutex_);
    return model_ == nullptr;
}

}  // namespace capstan::engine
