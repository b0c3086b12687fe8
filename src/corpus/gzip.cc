#include "corpus/gzip.h"

#include <algorithm>

#include <zlib.h>

namespace capstan::corpus {
namespace {

constexpr std::size_t kStepBytes = std::size_t{64} << 10;
constexpr int kGzipWindow = 15 + 16;  // 32 KiB, gzip framing only.

// Closes the stream at the end of its life.
class Inflater {
public:
    Inflater() { ok_ = inflateInit2(&stream_, kGzipWindow) == Z_OK; }

    ~Inflater() { inflateEnd(&stream_); }

    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    bool ok() const { return ok_; }

    z_stream& stream() { return stream_; }

private:
    z_stream stream_{};
    bool ok_ = false;
};

}  // namespace

Result<std::string> unpack_gzip(std::string_view packed, std::size_t bytes_max) {
    if (!packed.starts_with("\x1f\x8b")) {
        return packed.size() <= bytes_max ? Result<std::string>(std::string(packed))
                                          : Error{ErrorCode::kTooLarge, "has too many bytes"};
    }
    Inflater inflater;
    if (!inflater.ok()) {
        return Error{ErrorCode::kExhausted, "no memory to unpack"};
    }
    z_stream& stream = inflater.stream();
    // zlib's interface is not const, but it does not write to its input.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(packed.size(), std::size_t{1} << 31));
    std::string text;
    int status = Z_OK;
    while (status == Z_OK) {
        if (text.size() > bytes_max) {
            return Error{
                ErrorCode::kTooLarge, "unpacks to more than " + std::to_string(bytes_max) + " bytes"
            };
        }
        const std::size_t used = text.size();
        text.resize(used + kStepBytes);
        stream.next_out = reinterpret_cast<Bytef*>(text.data() + used);
        stream.avail_out = static_cast<uInt>(kStepBytes);
        status = inflate(&stream, Z_NO_FLUSH);
        text.resize(used + kStepBytes - stream.avail_out);
    }
    if (status != Z_STREAM_END) {
        return Error{ErrorCode::kInvalid, "is damaged or cut off (gzip)"};
    }
    if (text.size() > bytes_max) {
        return Error{ErrorCode::kTooLarge, "unpacks to more than " + std::to_string(bytes_max) + " bytes"};
    }
    return text;
}

}  // namespace capstan::corpus
