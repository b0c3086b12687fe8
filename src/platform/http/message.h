#pragma once

// What a request and a response are, to a handler. No Boost here: rooms compile without it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "platform/http/url.h"

namespace capstan::http {

// Header fields, in the order in which they came; names compare without regard to case (ASCII).
class Headers {
public:
    using Field = std::pair<std::string, std::string>;

    Headers() = default;

    Headers(std::initializer_list<Field> fields) : fields_(fields) {}

    const std::string* find(std::string_view name) const;  // The first of that name, or nullptr.
    std::string_view get(std::string_view name) const;     // The first of that name, or "".
    std::size_t count(std::string_view name) const;

    void add(std::string_view name, std::string_view value);
    void set(std::string_view name, std::string_view value);  // Replaces all of that name.
    void remove(std::string_view name);

    auto begin() const { return fields_.begin(); }

    auto end() const { return fields_.end(); }

    std::size_t size() const { return fields_.size(); }

    bool empty() const { return fields_.empty(); }

private:
    std::vector<Field> fields_;
};

// Whether two header names are equal without regard to case (ASCII).
bool same_name(std::string_view a, std::string_view b);

// Who asks: set by the Authenticator, empty on public routes.
struct Principal {
    std::string id = {};
    std::string name = {};                    // For logs and for "created by".
    std::string project_id = {};              // What a handler may see and change belongs to this project.
    std::string key_id = {};                  // The key that was shown.
    std::shared_ptr<const void> detail = {};  // What the authenticator wants to hand to handlers: shared with
                                              // its cache, and only it knows the type.
};

// A request body on disk; the file is removed with the last owner unless it was moved away.
class SpooledFile {
public:
    // Creates an empty file with a new name in `folder`.
    static Result<std::shared_ptr<SpooledFile>> create(const std::filesystem::path& folder);
    ~SpooledFile();
    SpooledFile(const SpooledFile&) = delete;
    SpooledFile& operator=(const SpooledFile&) = delete;

    const std::filesystem::path& path() const { return path_; }

    std::uint64_t bytes() const { return bytes_; }

    Result<void> append(std::string_view bytes);
    // Renames it to `destination` (on the same file system) and keeps it there.
    Result<void> move_to(const std::filesystem::path& destination);

private:
    SpooledFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

    std::filesystem::path path_;
    int fd_ = -1;
    std::uint64_t bytes_ = 0;
    bool is_moved_ = false;
};

struct Request {
    std::string method = {};   // "GET"
    std::string target = {};   // As sent: path and query, still encoded.
    std::string path = {};     // Decoded; starts with '/', has no "." or ".." segment and no NUL.
    std::string pattern = {};  // Of the route that matched, such as "/api/v1/runs/{id}".
    std::vector<std::pair<std::string, std::string>> path_params = {};  // Decoded.
    QueryParameters query = {};
    Headers headers = {};
    std::string body = {};                        // Of routes with BodyMode::kMemory.
    std::shared_ptr<SpooledFile> body_file = {};  // Of routes with BodyMode::kFile. Shared: the server and a
                                                  // handler that keeps it for a job.
    std::string remote_address = {};              // "127.0.0.1"
    std::string request_id = {};
    Principal principal = {};

    // The value of {name} in the route's pattern, which must have it.
    const std::string& param(std::string_view name) const;
};

// The next piece of a body, or "" at its end. Called on a worker, one call at a time; may block.
using BodySource = std::function<Result<std::string>()>;

// A body comes from the first of these that is set: error, file, source, body.
struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body = {};
    Headers headers = {};                            // Besides Content-Type, Content-Length and the like.
    std::optional<std::filesystem::path> file = {};  // Sent with ETag, Last-Modified and byte ranges.
    BodySource source = {};                          // Sent in chunks, as it comes.
    // Sent as {"error": {"code", "message", "request_id"}}; see json_reply.h.
    std::optional<Error> error = {};
};

}  // namespace capstan::http
