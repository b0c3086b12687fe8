#pragma once

// The body of an HTTP/1.1 message, unwrapped from its frame (RFC 9112, sections 6 and 7).
//
// Beast could do this too, but the one of Boost 1.81 asserts on some malformed chunks: our fuzzer ended the
// process.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace capstan::http {

class BodyReader {
public:
    enum class Frame { kNone, kLength, kChunked, kToEnd };

    explicit BodyReader(Frame frame = Frame::kNone, std::uint64_t bytes = 0);  // `bytes` of kLength.

    // Takes bytes from the front, appends the body's among them to `body`, and returns how many it took: all,
    // unless the body ends before. The error says what is wrong; the reader is spent then. Trailers are read
    // and dropped.
    std::expected<std::size_t, std::string> feed(std::string_view bytes, std::string& body);

    bool is_done() const { return state_ == State::kDone; }

    // The connection has ended. Whether the body may end so.
    bool finish();

private:
    enum class State { kData, kChunkSize, kChunkData, kChunkEnd, kTrailer, kToEnd, kDone };

    std::size_t feed_data(std::string_view bytes, std::string& body);
    std::expected<std::size_t, std::string> feed_line(std::string_view bytes);
    std::expected<void, std::string> take_line();
    std::expected<void, std::string> take_chunk_size();

    State state_;
    std::uint64_t left_;  // Of the body, or of the chunk.
    std::string line_;    // The part that has come of a chunk's first line, its end, or a trailer.
    std::size_t trailer_bytes_ = 0;
};

}  // namespace capstan::http
