#include "platform/http/sse_parser.h"

#include <vector>

#include <gtest/gtest.h>

namespace capstan::http {
namespace {

struct Parsed {
    std::vector<SseEvent> events;
    Result<void> outcome;
};

// Feeds `text` in pieces of `piece` bytes.
Parsed parse(std::string_view text, std::size_t piece, std::size_t event_bytes_max = 1 << 20) {
    Parsed parsed;
    SseParser parser(event_bytes_max);
    while (parsed.outcome && !text.empty()) {
        parsed.outcome = parser.feed(text.substr(0, piece), [&](const SseEvent& event) {
            parsed.events.push_back(event);
            return Result<void>();
        });
        text.remove_prefix(std::min(piece, text.size()));
    }
    return parsed;
}

TEST(SseParser, ReadsEventsWhereverTheBytesAreCut) {
    const std::string_view text =
        "\xEF\xBB\xBF: a comment\n"
        "data: one\r\n"
        "data:two\r"
        "data:  three\n"
        "\n"
        "event: step\nid: 7\nretry: 250\ndata\n\n"
        "data: x\nunknown: y\nid\n\r\n"
        "event: nothing\n\n"
        "data: cut off";
    const std::vector<SseEvent> expected = {
        {.data = "one\ntwo\n three"},
        {.data = "", .event = "step", .id = "7", .retry_ms = 250},
        {.data = "x"},
    };
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        const Parsed parsed = parse(text, piece);
        ASSERT_TRUE(parsed.outcome);
        EXPECT_EQ(parsed.events, expected) << "in pieces of " << piece;
    }
}

TEST(SseParser, KeepsTheLastIdForLaterEvents) {
    const Parsed parsed = parse("id: 1\ndata: a\n\ndata: b\n\n", 100);
    ASSERT_EQ(parsed.events.size(), 2u);
    EXPECT_EQ(parsed.events[1].id, "1");
}

TEST(SseParser, IgnoresBadRetriesAndIdsWithNul) {
    const std::string nul(1, '\0');
    const Parsed parsed = parse("retry: 1x\nretry: -1\nid: a" + nul + "b\ndata: c\n\n", 100);
    ASSERT_EQ(parsed.events.size(), 1u);
    EXPECT_EQ(parsed.events[0], (SseEvent{.data = "c"}));
}

TEST(SseParser, TakesTextThatStartsLikeAByteOrderMark) {
    const Parsed parsed = parse(
        "\xEF\xBB"
        "data: a\ndata: b\n\n",
        1
    );
    ASSERT_EQ(parsed.events.size(), 1u);
    EXPECT_EQ(parsed.events[0].data, "b");
}

TEST(SseParser, RefusesALineOrAnEventOverTheLimit) {
    EXPECT_EQ(parse("data: " + std::string(200, 'x'), 7, 100).outcome.error().code, ErrorCode::kTooLarge);
    std::string lines;
    for (int i = 0; i < 40; ++i) {
        lines += "data: xxxxxxxx\n";
    }
    EXPECT_EQ(parse(lines, 7, 100).outcome.error().code, ErrorCode::kTooLarge);
    EXPECT_TRUE(parse("data: " + std::string(90, 'x') + "\n\n", 7, 100).outcome);
}

TEST(SseParser, StopsAtTheCallersError) {
    SseParser parser;
    int seen = 0;
    const auto outcome = parser.feed("data: a\n\ndata: b\n\n", [&](const SseEvent&) -> Result<void> {
        ++seen;
        return Error{ErrorCode::kCancelled, "enough"};
    });
    EXPECT_FALSE(outcome);
    EXPECT_EQ(seen, 1);
}

TEST(SseParser, ReadsWhatTheEncoderWrites) {
    const SseEvent event{.data = "a\n\nb: c\n", .event = "step", .id = "12", .retry_ms = 5};
    const Parsed parsed = parse(encode_sse(event), 3);
    ASSERT_EQ(parsed.events.size(), 1u);
    EXPECT_EQ(parsed.events[0], event);
}

TEST(SseParser, LineBreaksCannotLeaveTheirField) {
    const Parsed parsed =
        parse(encode_sse({.data = "a\rb\r\nc", .event = "x\ndata: forged", .id = "1\r\n2"}), 100);
    ASSERT_EQ(parsed.events.size(), 1u);
    EXPECT_EQ(parsed.events[0], (SseEvent{.data = "a\nb\nc", .event = "xdata: forged", .id = "12"}));
}

}  // namespace
}  // namespace capstan::http
