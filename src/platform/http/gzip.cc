#include "platform/http/gzip.h"

#include <algorithm>
#include <array>
#include <limits>

#include <zlib.h>

#include "base/check.h"

namespace capstan::http {
namespace {

constexpr int kLevel = 5;             // Near the best ratio, at half the time of 9.
constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, with gzip's frame.
constexpr int kMemory = 8;
constexpr std::size_t kPieceMax = std::numeric_limits<uInt>::max();

Bytef* input(std::string_view bytes) {
    // zlib's interface is not const, but it does not write its input.
    return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

}  // namespace

std::string gzip(std::string_view bytes) {
    z_stream stream{};
    CHECK(
        deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) == Z_OK, "zlib"
    );
    CHECK(bytes.size() < kPieceMax / 2, "gzip is for texts under 2 GiB");
    std::string out(deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = input(bytes);
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflateBound holds");
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

Result<std::string> gunzip(std::string_view bytes, std::uint64_t bytes_max) {
    z_stream stream{};
    CHECK(inflateInit2(&stream, kGzipWindow) == Z_OK, "zlib");
    std::string out;
    std::array<char, 65536> piece;
    stream.next_in = input(bytes);
    stream.avail_in = static_cast<uInt>(std::min(bytes.size(), kPieceMax));
    int state = Z_OK;
    while (state == Z_OK && out.size() <= bytes_max) {
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = static_cast<uInt>(piece.size());
        state = inflate(&stream, Z_NO_FLUSH);
        out.append(piece.data(), piece.size() - stream.avail_out);
    }
    const bool is_whole = state == Z_STREAM_END && stream.avail_in == 0;
    inflateEnd(&stream);
    if (out.size() > bytes_max) {
        return Error{
            ErrorCode::kTooLarge, "the body unpacks to more than " + std::to_string(bytes_max) + " bytes"
        };
    }
    if (!is_whole) {
        return Error{ErrorCode::kInvalid, "the body is not gzip, or is cut off"};
    }
    return out;
}

}  // namespace capstan::http
