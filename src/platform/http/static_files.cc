#include "platform/http/static_files.h"

#include <algorithm>
#include <utility>

#include "platform/http/json_reply.h"

namespace capstan::http {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kContentSecurityPolicy =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

bool is_within(const fs::path& path, const fs::path& folder) {
    return std::ranges::mismatch(folder, path).in1 == folder.end();
}

// The file that `path` (decoded, without "..") names in `folder`; "" when there is none.
fs::path file_at(const fs::path& folder, std::string_view path) {
    std::error_code failure;
    const fs::path real = fs::canonical(folder / path.substr(1), failure);
    if (failure || !is_within(real, folder) || !fs::is_regular_file(real, failure)) {
        return {};
    }
    return real;
}

bool is_api(std::string_view path) {
    return path.starts_with("/api/") || path == "/api" || path.starts_with("/v1/") || path == "/v1";
}

Response page(const fs::path& file, bool is_for_good) {
    Response response{.content_type = std::string(content_type_of(file)), .file = file};
    response.headers.add("Cache-Control", is_for_good ? "public, max-age=31536000, immutable" : "no-cache");
    response.headers.add("Content-Security-Policy", kContentSecurityPolicy);
    response.headers.add("Referrer-Policy", "same-origin");
    response.headers.add("X-Frame-Options", "DENY");
    response.headers.add("Cross-Origin-Opener-Policy", "same-origin");
    return response;
}

}  // namespace

std::string_view content_type_of(const fs::path& file) {
    static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".jsonl", "application/x-ndjson"},
        {".map", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/markdown; charset=utf-8"},
    };
    const std::string extension = file.extension().string();
    const auto found =
        std::ranges::find(kTypes, extension, &std::pair<std::string_view, std::string_view>::first);
    return found == std::end(kTypes) ? "application/octet-stream" : found->second;
}

Handler static_files(StaticFiles files) {
    return [files = std::move(files)](const Request& request) {
        std::error_code failure;
        const fs::path folder = fs::canonical(files.folder, failure);
        const Error missing{ErrorCode::kNotFound, "nothing at " + request.path};
        if (failure || is_api(request.path)) {
            return reply(missing);
        }
        if (const fs::path file = file_at(folder, request.path); !file.empty()) {
            return page(file, request.path.starts_with("/assets/"));
        }
        const bool is_page =
            request.path == "/" || (files.is_single_page && !fs::path(request.path).has_extension());
        const fs::path index = is_page ? file_at(folder, "/index.html") : fs::path();
        return index.empty() ? reply(missing) : page(index, false);
    };
}

}  // namespace capstan::http
