#include "engine/client/local_answer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/clock.h"

namespace capstan::engine {
namespace {

constexpr std::string_view kSpaceMark = "\u2581";  // SentencePiece's sign for a space.

// "<0x0A>", as SentencePiece names bytes.
std::optional<char> byte_of(std::string_view name) {
    if (name.size() != 6 || !name.starts_with("<0x") || !name.ends_with('>')) {
        return std::nullopt;
    }
    int value = 0;
    for (const char digit : name.substr(3, 2)) {
        const bool is_decimal = digit >= '0' && digit <= '9';
        if (!is_decimal && (digit < 'A' || digit > 'F')) {
            return std::nullopt;
        }
        value = value * 16 + (is_decimal ? digit - '0' : digit - 'A' + 10);
    }
    return static_cast<char>(value);
}

std::string with_spaces(std::string_view name) {
    std::string text;
    while (!name.empty()) {
        const bool is_space = name.starts_with(kSpaceMark);
        text += is_space ? ' ' : name.front();
        name.remove_prefix(is_space ? kSpaceMark.size() : 1);
    }
    return text;
}

std::size_t characters_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
    }));
}

}  // namespace

std::string token_bytes(const text::Tokenizer& tokenizer, llm::TokenId token) {
    const std::string_view name = tokenizer.token_of(token);
    if (tokenizer.is_special(token)) {
        return std::string(name);
    }
    if (const auto bytes = tokenizer.bytes_of(token)) {
        return std::string(*bytes);
    }
    if (const auto byte = byte_of(name)) {
        return std::string(1, *byte);
    }
    return with_spaces(name);
}

LocalAnswer::LocalAnswer(Parts parts)
    : tokenizer_(parts.tokenizer),
      prompt_(std::move(parts.prompt)),
      channel_(std::move(parts.channel)),
      began_us_(parts.began_us),
      stop_tokens_(parts.request.stop_tokens),
      is_prompt_of_tokens_(parts.is_prompt_cut || !std::holds_alternative<std::string>(parts.request.prompt)),
      must_echo_(parts.request.echoes_prompt),
      shows_stop_(parts.request.shows_stop),
      completion_tokens_min_(parts.request.completion_tokens_min),
      top_tokens_(parts.request.top_tokens),
      prompt_top_tokens_(parts.request.prompt_top_tokens),
      decoder_(parts.tokenizer, !parts.request.shows_special_tokens),
      filter_(parts.request.stop, shows_stop_ ? StopText::kShown : StopText::kDropped) {
    result_->usage.prompt_tokens = std::ssize(*prompt_);
    read_tools(parts);
    if (must_echo_) {
        prompt_text_ = is_prompt_of_tokens_ ? tokenizer_.decode(*prompt_, false)
                                            : std::get<std::string>(parts.request.prompt);
    }
}

void LocalAnswer::read_tools(const Parts& parts) {
    if (parts.tool_format == text::ToolCallFormat::kNone) {
        return;
    }
    if (parts.request.tool_choice.kind == llm::ToolChoice::Kind::kNamed) {
        named_tool_ = parts.request.tool_choice.name;
        return;
    }
    for (const std::string_view sign : text::tool_call_signs(parts.tool_format)) {
        if (const auto id = tokenizer_.id_of(sign)) {
            decoder_.show(*id);
        }
    }
    text::ToolCallOptions options{.format = parts.tool_format, .names = {}};
    for (const llm::Tool& tool : parts.request.tools) {
        options.names.push_back(tool.name);
    }
    tools_.emplace(std::move(options));
}

void LocalAnswer::tell_apart(std::string_view text, llm::AnswerPiece& piece) {
    if (!named_tool_.empty()) {
        if (!text.empty() || !has_begun_named_) {
            const std::string name = has_begun_named_ ? std::string() : named_tool_;
            piece.tool_parts.push_back({.index = 0, .name = name, .arguments = std::string(text)});
            has_begun_named_ = true;
        }
    } else if (tools_) {
        take_events(tools_->push(text), piece);
    } else {
        piece.text += text;
    }
}

void LocalAnswer::take_events(std::vector<text::ToolCallEvent> events, llm::AnswerPiece& piece) {
    for (text::ToolCallEvent& event : events) {
        const auto index = static_cast<int>(event.index);
        switch (event.kind) {
            case text::ToolCallEvent::Kind::kContent:
                piece.text += event.text;
                break;
            case text::ToolCallEvent::Kind::kCallBegin:
                piece.tool_parts.push_back({.index = index, .name = std::move(event.text), .arguments = {}});
                break;
            case text::ToolCallEvent::Kind::kArguments:
                piece.tool_parts.push_back({.index = index, .name = {}, .arguments = std::move(event.text)});
                break;
        }
    }
}

LocalAnswer::~LocalAnswer() {
    channel_->listen({});
    channel_->cancel();
}

std::optional<llm::AnswerPiece> LocalAnswer::take() {
    if (has_ended_) {
        return std::nullopt;
    }
    llm::AnswerPiece piece;
    const bool has_all_come = channel_->has_ended();  // Asked first: tokens may come meanwhile.
    while (!has_stopped_) {
        const auto token = channel_->try_next();
        if (!token) {
            break;
        }
        begin(piece);
        push(*token, piece);
    }
    if (has_stopped_ || has_all_come) {
        finish(piece);
    }
    if (piece.text.empty() && piece.tokens.empty() && piece.tool_parts.empty() &&
        piece.prompt_tokens.empty()) {
        return std::nullopt;
    }
    return piece;
}

// The scores of the prompt are complete with the first token, or at the end.
void LocalAnswer::begin(llm::AnswerPiece& piece) {
    if (std::exchange(has_begun_, true)) {
        return;
    }
    const auto scores = channel_->take_prompt_scores();
    if (prompt_top_tokens_) {
        piece.prompt_tokens.push_back(first_token());
        for (const ScoredToken& token : scores) {
            piece.prompt_tokens.push_back(score_of(token, prompt_top_tokens_));
        }
    }
    if (must_echo_) {
        echo(scores, piece);
    }
}

void LocalAnswer::echo(const std::vector<ScoredToken>& scores, llm::AnswerPiece& piece) {
    piece.text += prompt_text_;
    decoded_characters_ = characters_of(prompt_text_);
    if (!top_tokens_) {
        return;
    }
    piece.tokens.push_back(first_token());
    for (const ScoredToken& token : scores) {
        piece.tokens.push_back(score_of(token, top_tokens_));
    }
    text::StreamDecoder decoder(tokenizer_, !is_prompt_of_tokens_);
    std::size_t characters = 0;
    for (llm::TokenScore& token : piece.tokens) {
        token.text_offset = std::min(characters, decoded_characters_);
        characters += characters_of(decoder.push(token.token));
    }
}

void LocalAnswer::push(const ScoredToken& token, llm::AnswerPiece& piece) {
    if (result_->usage.completion_tokens++ == 0) {
        take_start();
        result_->first_token_ms = static_cast<double>(monotonic_now_us() - began_us_) / 1000;
    }
    const std::size_t begin = decoded_bytes_;
    if (top_tokens_) {
        held_.push_back({score_of(token, top_tokens_), begin});
        held_.back().score.text_offset = decoded_characters_;
    }
    const bool is_stop = std::ranges::find(stop_tokens_, token.token) != stop_tokens_.end();
    if ((!is_stop && !token.is_end) || shows_stop_) {
        std::string text = decoder_.push(token.token);
        decoded_bytes_ += text.size();
        decoded_characters_ += characters_of(text);
        const bool is_searched = result_->usage.completion_tokens > completion_tokens_min_;
        show(is_searched ? filter_.push(text) : std::move(text), piece);
    }
    has_stopped_ = is_stop || filter_.stopped();
}

void LocalAnswer::take_start() {
    const SequenceStart start = channel_->start();
    result_->usage.cached_prompt_tokens = start.cached_prompt_tokens;
    result_->queue_ms = static_cast<double>(start.queue_us) / 1000;
    result_->prefill_ms = static_cast<double>(start.prefill_us) / 1000;
}

void LocalAnswer::show(std::string text, llm::AnswerPiece& piece) {
    shown_bytes_ += text.size();
    if (!text.empty()) {
        tell_apart(text, piece);
    }
    while (!held_.empty() && held_.front().begin < shown_bytes_) {
        piece.tokens.push_back(std::move(held_.front().score));
        held_.pop_front();
    }
}

void LocalAnswer::finish(llm::AnswerPiece& piece) {
    has_ended_ = true;
    channel_->cancel();  // Nobody reads what may still come.
    if (!has_stopped_) {
        if (const auto outcome = channel_->outcome(); !outcome) {
            result_ = outcome.error();
            return;
        } else {
            result_->finish_reason = *outcome;
        }
    }
    begin(piece);
    if (!filter_.stopped()) {
        show(filter_.push(decoder_.finish()), piece);
    }
    if (!filter_.stopped()) {
        show(filter_.finish(), piece);
        for (Held& held : held_) {  // Tokens without text, such as the one that ended it.
            piece.tokens.push_back(std::move(held.score));
        }
    }
    held_.clear();
    if (tools_) {
        take_events(tools_->finish(), piece);
    }
    if (result_->usage.completion_tokens == 0) {
        take_start();
    }
    if (has_stopped_ || filter_.stopped()) {
        result_->finish_reason = llm::FinishReason::kStop;
    }
    result_->total_ms = static_cast<double>(monotonic_now_us() - began_us_) / 1000;
}

// Nothing stands before it that could say how probable it is.
llm::TokenScore LocalAnswer::first_token() const {
    return {
        .token = prompt_->front(),
        .bytes = token_bytes(tokenizer_, prompt_->front()),
        .log_probability = std::nullopt,
        .top = {}
    };
}

llm::TokenScore LocalAnswer::score_of(const ScoredToken& token, std::optional<int> top_tokens) const {
    llm::TokenScore score = {
        .token = token.token,
        .bytes = token_bytes(tokenizer_, token.token),
        .log_probability = token.log_probability,
        .top = {},
        .rank = token.rank
    };
    const auto count = std::min(token.top.size(), static_cast<std::size_t>(top_tokens.value_or(0)));
    for (const TokenProbability& other : std::span(token.top).first(count)) {
        score.top.push_back(
            {.bytes = token_bytes(tokenizer_, other.token),
             .log_probability = other.log_probability,
             .token = other.token}
        );
    }
    return score;
}

}  // namespace capstan::engine
