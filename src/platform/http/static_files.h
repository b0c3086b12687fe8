#pragma once

// The web pages: a folder of files, as a handler for Router::otherwise.

#include <filesystem>
#include <string_view>

#include "platform/http/router.h"

namespace capstan::http {

struct StaticFiles {
    std::filesystem::path folder = {};
    // Paths that are no files and have no extension are pages of a single-page application: they get
    // index.html.
    bool is_single_page = true;
};

// Files under assets/ have a hash in their name and are cached for good; all others are asked for again each
// time, and mostly answered 304. Every answer carries the security headers of a page that loads only from its
// own origin. Symbolic links that lead out of the folder are not followed. Paths under /api and /v1 are never
// pages.
Handler static_files(StaticFiles files);

// "text/html; charset=utf-8" for ".html"; "application/octet-stream" for what is unknown.
std::string_view content_type_of(const std::filesystem::path& file);

}  // namespace capstan::http
