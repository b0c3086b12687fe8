#include "platform/http/body_reader.h"

#include <algorithm>
#include <charconv>

namespace capstan::http {
namespace {

constexpr std::size_t kLineMax = 4096;  // Of a chunk's size with its extensions, or one trailer.
constexpr std::size_t kTrailersMax = 16384;
constexpr std::size_t kSizeDigitsMax = 15;  // Over that a size does not fit; nobody sends such a chunk.

BodyReader::Frame unless_empty(BodyReader::Frame frame, std::uint64_t bytes) {
    return frame == BodyReader::Frame::kLength && bytes == 0 ? BodyReader::Frame::kNone : frame;
}

}  // namespace

BodyReader::BodyReader(Frame frame, std::uint64_t bytes) : left_(bytes) {
    constexpr State kStates[] = {State::kDone, State::kData, State::kChunkSize, State::kToEnd};
    state_ = kStates[static_cast<std::size_t>(unless_empty(frame, bytes))];
}

std::expected<std::size_t, std::string> BodyReader::feed(std::string_view bytes, std::string& body) {
    std::size_t taken = 0;
    while (taken < bytes.size() && state_ != State::kDone) {
        const std::string_view rest = bytes.substr(taken);
        if (state_ == State::kToEnd) {
            body.append(rest);
            return bytes.size();
        }
        if (state_ == State::kData || state_ == State::kChunkData) {
            taken += feed_data(rest, body);
            continue;
        }
        const auto more = feed_line(rest);
        if (!more) {
            return more;
        }
        taken += *more;
    }
    return taken;
}

std::size_t BodyReader::feed_data(std::string_view bytes, std::string& body) {
    const std::string_view data = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
    body.append(data);
    left_ -= data.size();
    if (left_ == 0) {
        state_ = state_ == State::kData ? State::kDone : State::kChunkEnd;
    }
    return data.size();
}

// Collects a line and takes it when it is whole.
std::expected<std::size_t, std::string> BodyReader::feed_line(std::string_view bytes) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    if (line_.size() + part.size() > kLineMax) {
        return std::unexpected("a line of the chunked body is too long");
    }
    line_.append(part);
    if (end != std::string_view::npos) {
        if (!line_.ends_with("\r\n") || line_.find('\r') != line_.size() - 2 || line_.contains('\0')) {
            return std::unexpected("a line of the chunked body does not end in CR LF");
        }
        line_.resize(line_.size() - 2);
        const auto took = take_line();
        if (!took) {
            return std::unexpected(took.error());
        }
        line_.clear();
    }
    return part.size();
}

std::expected<void, std::string> BodyReader::take_line() {
    if (state_ == State::kChunkSize) {
        return take_chunk_size();
    }
    if (state_ == State::kChunkEnd) {
        state_ = State::kChunkSize;
        return line_.empty() ? std::expected<void, std::string>()
                             : std::unexpected("a chunk is longer than its size");
    }
    trailer_bytes_ += line_.size();
    if (trailer_bytes_ > kTrailersMax) {
        return std::unexpected("the trailers are too large");
    }
    if (line_.empty()) {
        state_ = State::kDone;
    }
    return {};
}

std::expected<void, std::string> BodyReader::take_chunk_size() {
    const char* const begin = line_.data();
    const char* const end = begin + line_.size();
    const auto [stop, failure] = std::from_chars(begin, end, left_, 16);
    const auto digits = static_cast<std::size_t>(stop - begin);
    if (failure != std::errc() || digits > kSizeDigitsMax) {
        return std::unexpected("a chunk's size is not a hexadecimal number");
    }
    const std::size_t next = line_.find_first_not_of(" \t", digits);
    if (next != std::string::npos && line_[next] != ';') {
        return std::unexpected("a chunk's size is followed by more than extensions");
    }
    state_ = left_ == 0 ? State::kTrailer : State::kChunkData;
    return {};
}

bool BodyReader::finish() {
    if (state_ == State::kToEnd) {
        state_ = State::kDone;
    }
    return is_done();
}

}  // namespace capstan::http
