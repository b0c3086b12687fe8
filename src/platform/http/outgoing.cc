#include "platform/http/outgoing.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "platform/http/conditional.h"
#include "platform/http/gzip.h"
#include "platform/http/json_reply.h"

namespace capstan::http {
namespace {

constexpr std::size_t kGzipBytesMin = 1024;  // Below, the frame and the time are not worth it.
constexpr std::size_t kGzipBytesMax = std::size_t{8}
                                      << 20;  // Above, the wait before the first byte is too long.

// Fields that describe the message's frame are ours alone; a handler's would contradict them.
bool is_ours(std::string_view name) {
    return same_name(name, "Content-Length") || same_name(name, "Transfer-Encoding") ||
           same_name(name, "Connection") || same_name(name, "Date") || same_name(name, "Content-Type") ||
           same_name(name, "X-Request-Id");
}

// A line break in a value would let its author write header fields, or a second response.
void append_field(std::string& head, std::string_view name, std::string_view value) {
    head.append(name).append(": ");
    std::ranges::copy_if(value, std::back_inserter(head), [](char c) {
        return c != '\r' && c != '\n' && c != '\0';
    });
    head.append("\r\n");
}

std::string head_of(
    const Request& request, int status, std::string_view content_type, const Headers& headers
) {
    std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
    append_field(head, "Date", http_date(system_now_ms() / 1000));
    append_field(head, "X-Request-Id", request.request_id);
    if (!content_type.empty()) {
        append_field(head, "Content-Type", content_type);
    }
    if (!headers.find("X-Content-Type-Options")) {
        append_field(head, "X-Content-Type-Options", "nosniff");
    }
    for (const auto& [name, value] : headers) {
        if (!is_ours(name)) {
            append_field(head, name, value);
        }
    }
    return head;
}

bool has_no_content(int status) {
    return status == 204 || status == 304;
}

// The response with its body in place: the end of every path but those of large files and sources.
Outgoing whole(const Request& request, Response response) {
    Outgoing out{.status = response.status};
    out.head = head_of(request, response.status, response.content_type, response.headers);
    if (!has_no_content(response.status)) {
        append_field(out.head, "Content-Length", std::to_string(response.body.size()));
    }
    if (request.method != "HEAD" && !has_no_content(response.status)) {
        out.body = std::move(response.body);
    }
    return out;
}

Outgoing not_modified(const Request& request, Response response) {
    response.status = 304;
    response.content_type.clear();
    return whole(request, std::move(response));
}

Outgoing failed(const Request& request, const Error& error) {
    Response response = reply(error);
    render_error(response, request.request_id);
    return whole(request, std::move(response));
}

void compress(const Request& request, Response& response) {
    const bool is_candidate = response.body.size() >= kGzipBytesMin &&
                              response.body.size() <= kGzipBytesMax && response.status != 206 &&
                              is_compressible(response.content_type) &&
                              !response.headers.find("Content-Encoding");
    if (!is_candidate) {
        return;
    }
    response.headers.add("Vary", "Accept-Encoding");
    if (!accepts_gzip(request.headers.get("Accept-Encoding"))) {
        return;
    }
    response.body = gzip(response.body);
    response.headers.add("Content-Encoding", "gzip");
    const std::string tag(response.headers.get("ETag"));
    if (tag.starts_with('"')) {
        response.headers.set("ETag", "W/" + tag);  // The same content, in other bytes.
    }
}

struct FileFacts {
    FileDescriptor fd;
    std::uint64_t bytes = 0;
    std::int64_t modified_s = 0;
    std::string tag;
};

Result<FileFacts> look_at(const std::filesystem::path& path) {
    Result<FileDescriptor> fd = open_file(path, O_RDONLY | O_CLOEXEC);
    if (!fd) {
        return fd.error();
    }
    struct stat facts{};
    if (::fstat(fd->get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        return Error{ErrorCode::kNotFound, "no file " + path.filename().string()};
    }
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    const std::int64_t modified_ns = facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec;
    return FileFacts{
        std::move(*fd), size, facts.st_mtim.tv_sec, fmt::format("\"{:x}-{:x}\"", size, modified_ns)
    };
}

bool is_unchanged(const Request& request, const FileFacts& file) {
    if (const std::string* tags = request.headers.find("If-None-Match")) {
        return lists_tag(*tags, file.tag);
    }
    const auto since = parse_http_date(request.headers.get("If-Modified-Since"));
    return since && file.modified_s <= *since;
}

RangeAnswer range_of(const Request& request, const FileFacts& file, ByteRange& range) {
    const std::string* asked = request.headers.find("Range");
    const std::string* condition = request.headers.find("If-Range");
    if (!asked || (request.method != "GET" && request.method != "HEAD")) {
        return RangeAnswer::kWhole;
    }
    if (condition && *condition != file.tag && *condition != http_date(file.modified_s)) {
        return RangeAnswer::kWhole;
    }
    return read_range(*asked, file.bytes, range);
}

Outgoing prepare_file(const Request& request, Response response) {
    Result<FileFacts> file = look_at(*response.file);
    if (!file) {
        return failed(request, file.error());
    }
    response.headers.set("ETag", file->tag);
    response.headers.set("Last-Modified", http_date(file->modified_s));
    if (response.status == 200 && is_unchanged(request, *file)) {
        return not_modified(request, std::move(response));
    }
    ByteRange range{.first = 0, .bytes = file->bytes};
    const RangeAnswer answer = range_of(request, *file, range);
    if (answer == RangeAnswer::kUnsatisfiable) {
        response.headers.set("Content-Range", fmt::format("bytes */{}", file->bytes));
        response.status = 416;
        response.content_type.clear();
        return whole(request, std::move(response));
    }
    const bool is_small = file->bytes <= kGzipBytesMax && file->bytes >= kGzipBytesMin;
    if (answer == RangeAnswer::kWhole && is_small && is_compressible(response.content_type)) {
        Result<std::string> content = read_file(*response.file, kGzipBytesMax);
        if (!content) {
            return failed(request, content.error());
        }
        response.body = std::move(*content);
        compress(request, response);
        return whole(request, std::move(response));
    }
    if (answer == RangeAnswer::kPart) {
        response.status = 206;
        const std::uint64_t last = range.first + range.bytes - 1;
        response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range.first, last, file->bytes));
    }
    response.headers.set("Accept-Ranges", "bytes");
    Outgoing out{.status = response.status, .file_offset = range.first};
    out.head = head_of(request, response.status, response.content_type, response.headers);
    append_field(out.head, "Content-Length", std::to_string(range.bytes));
    if (request.method != "HEAD") {
        out.file = std::move(file->fd);
        out.file_bytes = range.bytes;
    }
    return out;
}

}  // namespace

Outgoing prepare(const Request& request, Response response) {
    render_error(response, request.request_id);
    if (response.file) {
        return prepare_file(request, std::move(response));
    }
    if (response.source) {
        Outgoing out{.status = response.status};
        out.head = head_of(request, response.status, response.content_type, response.headers);
        out.source = request.method == "HEAD" ? BodySource() : std::move(response.source);
        return out;
    }
    const std::string* tags = request.headers.find("If-None-Match");
    const std::string* tag = response.headers.find("ETag");
    if (response.status == 200 && tags && tag && lists_tag(*tags, *tag)) {
        return not_modified(request, std::move(response));
    }
    compress(request, response);
    return whole(request, std::move(response));
}

std::string stream_head(const Request& request, int status, const Headers& headers) {
    return head_of(request, status, headers.get("Content-Type"), headers);
}

std::string_view reason_of(int status) {
    static constexpr std::pair<int, std::string_view> kReasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    const auto found = std::ranges::find(kReasons, status, &std::pair<int, std::string_view>::first);
    return found == std::end(kReasons) ? "" : found->second;
}

}  // namespace capstan::http
