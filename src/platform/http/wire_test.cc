// Messages read from bytes that come in any pieces.

#include "platform/http/wire.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace capstan::http {
namespace {

constexpr std::size_t kHeadMax = 200;

// The status of the refusal when `bytes` come `piece` at a time; 0 when they are taken.
template <typename Reader>
int refusal(Reader reader, std::string_view bytes, std::size_t piece) {
    std::string buffer;
    std::string body;
    while (!bytes.empty() && !reader.is_done()) {
        buffer += bytes.substr(0, piece);
        bytes.remove_prefix(std::min(piece, bytes.size()));
        for (std::size_t before = buffer.size() + 1; !buffer.empty() && buffer.size() < before;) {
            before = buffer.size();
            const auto taken = reader.feed(buffer, body);
            if (!taken) {
                return taken.error().status;
            }
            buffer.erase(0, *taken);
        }
    }
    return 0;
}

std::string padded(std::string start, std::size_t bytes) {
    const std::string end = "\r\n\r\n";
    return start + std::string(bytes - start.size() - end.size(), 'x') + end;
}

TEST(Wire, TheLimitOfAHeadIsTheSameHoweverItIsCut) {
    for (const std::size_t piece : {1U, 7U, 100U, 1000U}) {
        for (const std::string start :
             {"GET / HTTP/1.1\r\nHost: ", "GET /a-long-target-before-it-all/and-so-on HTTP/1.1\r\nHost: "}) {
            EXPECT_EQ(refusal(RequestReader(kHeadMax), padded(start, kHeadMax), piece), 0) << piece;
            EXPECT_EQ(refusal(RequestReader(kHeadMax), padded(start, kHeadMax + 1), piece), 431) << piece;
        }
        const std::string start = "HTTP/1.1 200 A phrase that takes some room\r\nName: ";
        EXPECT_EQ(refusal(ResponseReader(kHeadMax, false), padded(start, kHeadMax), piece), 0) << piece;
        EXPECT_EQ(refusal(ResponseReader(kHeadMax, false), padded(start, kHeadMax + 1), piece), 431) << piece;
    }
}

}  // namespace
}  // namespace capstan::http
