// Responses of upstream servers: the same bytes read whole and in pieces give the same findings.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "platform/http/gzip.h"
#include "platform/http/wire.h"

namespace capstan::http {
namespace {

struct Reading {
    bool is_refused = false;
    bool is_done = false;
    int status = 0;
    std::string body;
};

Reading read(std::string_view bytes, std::size_t piece) {
    Reading reading;
    ResponseReader reader(2048, false);
    std::string buffer;
    while (!bytes.empty() && !reader.is_done()) {
        buffer.append(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        for (std::size_t before = buffer.size() + 1;
             !reader.is_done() && !buffer.empty() && buffer.size() < before;) {
            before = buffer.size();
            const auto taken = reader.feed(buffer, reading.body);
            if (!taken) {
                reading.is_refused = true;
                return reading;
            }
            buffer.erase(0, *taken);
        }
    }
    if (!reader.is_done()) {
        reading.is_refused = !reader.finish();
    }
    reading.is_done = reader.is_done();
    reading.status = reader.has_head() ? reader.head().status : 0;
    return reading;
}

}  // namespace
}  // namespace capstan::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan::http;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.empty()) {
        return 0;
    }
    const Reading whole = read(bytes, bytes.size());
    const Reading pieces = read(bytes, 1 + data[size - 1] % 7);
    CHECK(whole.is_refused == pieces.is_refused, "cuts do not change the verdict");
    if (!whole.is_refused) {
        CHECK(whole.status == pieces.status && whole.body == pieces.body, "cuts do not change the message");
        CHECK(whole.status >= 200, "interim responses are not the response");
    }
    const auto unpacked = gunzip(bytes, 10'000);
    CHECK(!unpacked || unpacked->size() <= 10'000, "the limit holds");
    return 0;
}
