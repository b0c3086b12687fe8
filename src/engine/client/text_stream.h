#pragma once

// The tokens of one channel as text for one caller, who waits for it.

#include <string>
#include <utility>
#include <vector>

#include "engine/client/stop_filter.h"
#include "engine/scheduling/token_channel.h"
#include "llm/model_client.h"
#include "text/stream_decoder.h"

namespace capstan::engine {

class TextStream {
public:
    struct Parts {
        const text::Tokenizer& tokenizer;
        const std::vector<std::string>& stops;
        const llm::OnText& on_text;
    };

    explicit TextStream(const Parts& parts)
        : decoder_(parts.tokenizer), filter_(parts.stops), on_text_(parts.on_text) {}

    // False when no more tokens are wanted.
    bool push(const ScoredToken& token) {
        if (!token.is_end) {
            show(filter_.push(decoder_.push(token.token)));
        }
        return !filter_.stopped() && !cancelled_;
    }

    // After the last token.
    void finish() {
        if (!filter_.stopped() && !cancelled_) {
            show(filter_.push(decoder_.finish()));
            show(filter_.finish());
        }
    }

    bool stopped() const { return filter_.stopped(); }

    bool cancelled() const { return cancelled_; }

    std::string take_text() { return std::move(text_); }

private:
    void show(const std::string& piece) {
        if (!piece.empty()) {
            text_ += piece;
            cancelled_ = cancelled_ || (on_text_ && !on_text_(piece));
        }
    }

    text::StreamDecoder decoder_;
    StopFilter filter_;
    const llm::OnText& on_text_;
    std::string text_;
    bool cancelled_ = false;
};

}  // namespace capstan::engine
