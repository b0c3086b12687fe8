// Requests: the same bytes read whole and in pieces give the same findings, and what is read is safe to
// route.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "platform/http/conditional.h"
#include "platform/http/json_reply.h"
#include "platform/http/outgoing.h"
#include "platform/http/router.h"
#include "platform/http/wire.h"

namespace capstan::http {
namespace {

constexpr std::size_t kHeaderMax = 2048;

struct Reading {
    std::optional<int> refused;  // The status.
    RequestHead head;
    bool has_head = false;
    bool is_done = false;
    std::string body;
    std::size_t taken = 0;
};

// As a session reads: what was not taken comes again with more behind it.
Reading read(std::string_view bytes, std::size_t piece) {
    Reading reading;
    RequestReader reader(kHeaderMax);
    std::string buffer;
    while (!bytes.empty() && !reader.is_done() && !reading.refused) {
        buffer.append(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        for (std::size_t before = buffer.size() + 1;
             !reader.is_done() && !buffer.empty() && buffer.size() < before;) {
            before = buffer.size();
            const auto taken = reader.feed(buffer, reading.body);
            if (!taken) {
                reading.refused = taken.error().status;
                break;
            }
            reading.taken += *taken;
            buffer.erase(0, *taken);
        }
    }
    reading.has_head = reader.has_head();
    reading.is_done = reader.is_done();
    if (reading.has_head) {
        reading.head = reader.head();
    }
    return reading;
}

const Router& router() {
    static const Router* const kRouter = [] {
        auto* made = new Router;
        const Handler echo = [](const Request& r) { return reply(Json(r.path)); };
        made->get("/", kPublic, echo);
        made->get("/runs/{id}", kPublic, echo);
        made->post("/runs/{id}/metrics", kPublic, echo);
        made->get("/files/{path...}", kPublic, echo);
        return made;
    }();
    return *kRouter;
}

void check_safe(RequestHead& head) {
    CHECK(head.headers.count("Host") <= 1 && head.headers.count("Content-Length") <= 1, "one frame");
    CHECK(!(head.is_chunked && head.body_bytes), "one frame");
    for (const auto& [name, value] : head.headers) {
        CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a value is one line");
    }
    Request request{.method = head.method, .target = head.target, .headers = head.headers, .request_id = "1"};
    Response response = router().answer(request);
    response.headers.add("X-Echo", request.headers.get("X-Echo"));
    const Outgoing out = prepare(request, std::move(response));
    CHECK(!out.head.contains("\r\n\r\n") && out.head.ends_with("\r\n"), "a head holds no second message");
    ByteRange range;
    if (read_range(request.headers.get("Range"), 1000, range) == RangeAnswer::kPart) {
        CHECK(range.bytes > 0 && range.first + range.bytes <= 1000, "a part lies within the whole");
    }
    (void)accepts_gzip(request.headers.get("Accept-Encoding"));
    (void)parse_http_date(request.headers.get("If-Modified-Since"));
}

}  // namespace
}  // namespace capstan::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan::http;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.empty()) {
        return 0;
    }
    Reading whole = read(bytes, bytes.size());
    const Reading pieces = read(bytes, 1 + data[0] % 7);
    // A head that has not ended may be refused early or late.
    CHECK(!whole.refused || pieces.refused || !pieces.has_head, "cuts do not change the verdict");
    CHECK(!pieces.refused || whole.refused || !whole.has_head, "cuts do not change the verdict");
    if (whole.refused || pieces.refused) {
        return 0;
    }
    CHECK(whole.has_head == pieces.has_head && whole.is_done == pieces.is_done, "cuts do not change the end");
    CHECK(whole.body == pieces.body, "cuts do not change the body");
    if (whole.is_done) {
        CHECK(whole.taken == pieces.taken, "cuts do not change where the next request starts");
    }
    if (whole.has_head) {
        CHECK(
            whole.head.target == pieces.head.target &&
                whole.head.headers.size() == pieces.head.headers.size(),
            "head"
        );
        check_safe(whole.head);
    }
    return 0;
}
