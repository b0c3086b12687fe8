#include "platform/http/body_reader.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "platform/http/wire.h"

namespace capstan::http {
namespace {

using Frame = BodyReader::Frame;

struct Reading {
    std::string body;
    std::size_t taken = 0;
    bool is_refused = false;
    bool is_done = false;
};

Reading read(Frame frame, std::uint64_t bytes, std::string_view text, std::size_t piece) {
    BodyReader reader(frame, bytes);
    Reading reading;
    while (!text.empty() && !reader.is_done() && !reading.is_refused) {
        const auto taken = reader.feed(text.substr(0, piece), reading.body);
        reading.is_refused = !taken;
        reading.taken += taken.value_or(0);
        text.remove_prefix(std::min(piece, text.size()));
    }
    reading.is_done = reader.is_done();
    return reading;
}

TEST(BodyReader, ReadsChunksWhereverTheyAreCut) {
    const std::string text =
        "4;name=\"v;1\"\r\nWiki\r\n05 \t\r\npedia\r\nA\r\n\r\nis here.\r\n0;x\r\nTrailer: yes\r\nB: "
        "c\r\n\r\nNEXT";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        const Reading reading = read(Frame::kChunked, 0, text, piece);
        EXPECT_TRUE(reading.is_done && !reading.is_refused) << piece;
        EXPECT_EQ(reading.body, "Wikipedia\r\nis here.") << piece;
        EXPECT_EQ(reading.taken, text.size() - 4) << "the next message is left alone";
    }
}

TEST(BodyReader, RefusesMalformedChunks) {
    const std::string texts[] = {
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        " 1\r\nx\r\n",
        "1 x\r\n",
        "1\nx\n",
        "1\r\nxy\r\n",
        "1\r\nx\n",
        "1\rx\r\n",
        "fffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "0\r\nA: b\n\r\n",
        std::string(5000, '1'),
        "1;" + std::string(5000, 'e') + "\r\n",
        "0\r\n" + std::string(5000, 't') + "\r\n",
        std::string("1;a\0b\r\nx\r\n", 10),
    };
    for (const std::string& text : texts) {
        for (const std::size_t piece : {std::size_t{1}, text.size()}) {
            EXPECT_TRUE(read(Frame::kChunked, 0, text, piece).is_refused) << text.substr(0, 50);
        }
    }
    std::string many = "0\r\n";
    for (int i = 0; i < 1000; ++i) {
        many += "T: xxxxxxxxxxxxxxxxxxxx\r\n";
    }
    EXPECT_TRUE(read(Frame::kChunked, 0, many, 100).is_refused) << "trailers have a limit";
}

TEST(BodyReader, EndsWithItsLength) {
    const Reading reading = read(Frame::kLength, 5, "helloGET /", 3);
    EXPECT_EQ(reading.body, "hello");
    EXPECT_EQ(reading.taken, 5u);
    EXPECT_TRUE(BodyReader(Frame::kLength, 0).is_done());
    BodyReader cut(Frame::kLength, 5);
    std::string body;
    ASSERT_TRUE(cut.feed("hell", body));
    EXPECT_FALSE(cut.finish());
}

TEST(BodyReader, EndsWithTheConnectionOnlyWhenItMay) {
    BodyReader reader(Frame::kToEnd);
    std::string body;
    ASSERT_TRUE(reader.feed("abc", body));
    EXPECT_FALSE(reader.is_done());
    EXPECT_TRUE(reader.finish());
    EXPECT_FALSE(BodyReader(Frame::kChunked).finish());
}

// On these bytes Beast's own reader of chunks, in Boost 1.81, fails an assertion.
TEST(Wire, SurvivesTheChunksThatEndBeast) {
    ResponseReader reader(2048, false);
    std::string body;
    std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nabcd\r\n0\r\nTT";
    while (!bytes.empty() && !reader.is_done()) {
        const auto taken = reader.feed(bytes, body);
        ASSERT_TRUE(taken);
        bytes.erase(0, *taken);
    }
    EXPECT_FALSE(reader.finish());
}

}  // namespace
}  // namespace capstan::http
