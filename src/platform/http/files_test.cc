// Files, whole and in part, the web pages, and bodies that come from a source.

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "platform/http/client.h"
#include "platform/http/gzip.h"
#include "platform/http/server.h"
#include "platform/http/static_files.h"
#include "platform/http/test_peer.h"

namespace capstan::http {
namespace {

namespace fs = std::filesystem;

class FilesTest : public testing::Test {
protected:
    FilesTest() : folder_(fs::path(testing::TempDir()) / new_id()) {
        options_.has_access_log = false;
        write("dist/index.html", "<title>Capstan</title>" + std::string(2000, ' '));
        write("dist/assets/app-1a2b.js", "const a = 1;");
        write("dist/favicon.ico", "icon");
        write("dist/.secret", "dot files are files");
        write("outside.txt", "not for you");
        fs::create_symlink(folder_ / "outside.txt", folder_ / "dist/link.txt");
        for (int i = 0; i < 1'000'000; ++i) {
            content_ += static_cast<char>(i * 7 % 251);
        }
        write("data.bin", content_);
        router_.get("/data", kPublic, [this](const Request&) {
            return Response{.content_type = "application/octet-stream", .file = folder_ / "data.bin"};
        });
        router_.otherwise(static_files({.folder = folder_ / "dist"}));
    }

    ~FilesTest() override {
        server_.reset();
        fs::remove_all(folder_);
    }

    void write(const fs::path& name, std::string_view text) const {
        ASSERT_TRUE(create_folders((folder_ / name).parent_path()));
        ASSERT_TRUE(replace_file(folder_ / name, text));
    }

    void start() {
        auto server = Server::start(options_, router_);
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::move(*server);
    }

    ClientResponse get(const std::string& path, Headers headers = {}) {
        auto response = client_.send({.url = server_->url() + path, .headers = std::move(headers)});
        EXPECT_TRUE(response) << response.error().message;
        return response ? *response : ClientResponse{};
    }

    fs::path folder_;
    std::string content_;
    ServerOptions options_;
    Router router_;
    Client client_;
    std::unique_ptr<Server> server_;
};

TEST_F(FilesTest, SendsAFileAndItsParts) {
    start();
    const auto whole = get("/data");
    EXPECT_TRUE(whole.body == content_);
    EXPECT_EQ(whole.headers.get("Accept-Ranges"), "bytes");
    const auto part = get("/data", {{"Range", "bytes=500000-500099"}});
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, content_.substr(500000, 100));
    EXPECT_EQ(part.headers.get("Content-Range"), "bytes 500000-500099/1000000");
    EXPECT_EQ(get("/data", {{"Range", "bytes=-5"}}).body, content_.substr(999995));
    const auto beyond = get("/data", {{"Range", "bytes=1000000-"}});
    EXPECT_EQ(beyond.status, 416);
    EXPECT_EQ(beyond.headers.get("Content-Range"), "bytes */1000000");
    EXPECT_EQ(get("/data").status, 200) << "the connection goes on";
}

TEST_F(FilesTest, SendsAPartOnlyOfTheFileThatTheClientKnows) {
    start();
    const std::string tag(get("/data").headers.get("ETag"));
    EXPECT_EQ(get("/data", {{"Range", "bytes=0-9"}, {"If-Range", tag}}).status, 206);
    EXPECT_EQ(get("/data", {{"Range", "bytes=0-9"}, {"If-Range", "\"old\""}}).status, 200);
}

TEST_F(FilesTest, AnswersNotModified) {
    start();
    const auto first = get("/data");
    const auto again = get("/data", {{"If-None-Match", std::string(first.headers.get("ETag"))}});
    EXPECT_EQ(again.status, 304);
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(
        get("/data", {{"If-Modified-Since", std::string(first.headers.get("Last-Modified"))}}).status, 304
    );
    EXPECT_EQ(get("/data", {{"If-None-Match", "\"other\""}}).status, 200);
    write("data.bin", "changed");
    EXPECT_EQ(get("/data", {{"If-None-Match", std::string(first.headers.get("ETag"))}}).body, "changed");
}

TEST_F(FilesTest, AnswersNotModifiedToABodyWithATag) {
    router_.get("/tagged", kPublic, [](const Request&) {
        return Response{.body = "{}", .headers = {{"ETag", "\"v1\""}}};
    });
    start();
    EXPECT_EQ(get("/tagged").body, "{}");
    EXPECT_EQ(get("/tagged", {{"If-None-Match", "\"v1\""}}).status, 304);
}

TEST_F(FilesTest, CompressesOnlyForThoseWhoAccept) {
    const std::string text(20'000, 'a');
    router_.get("/text", kPublic, [&](const Request&) {
        return Response{.content_type = "text/plain", .body = text};
    });
    start();
    const auto plain = get("/text");
    EXPECT_EQ(plain.body, text);
    EXPECT_EQ(plain.headers.get("Vary"), "Accept-Encoding");
    const auto packed = get("/text", {{"Accept-Encoding", "gzip"}});
    EXPECT_EQ(packed.headers.get("Content-Encoding"), "gzip");
    EXPECT_LT(packed.body.size(), 200u);
    EXPECT_EQ(*gunzip(packed.body, 1 << 20), text);
    const auto page = get("/", {{"Accept-Encoding", "gzip"}});
    EXPECT_TRUE(gunzip(page.body, 1 << 20)->starts_with("<title>"));
    EXPECT_TRUE(page.headers.get("ETag").starts_with("W/\"")) << page.headers.get("ETag");
    EXPECT_EQ(
        get("/", {{"Accept-Encoding", "gzip"}, {"If-None-Match", std::string(page.headers.get("ETag"))}}
        ).status,
        304
    );
    EXPECT_EQ(get("/data", {{"Accept-Encoding", "gzip"}}).headers.find("Content-Encoding"), nullptr);
}

TEST_F(FilesTest, UnpacksAGzippedRequest) {
    router_.post("/echo", kPublic, [](const Request& r) {
        return Response{.content_type = "text/plain", .body = r.body};
    });
    start();
    const auto response = client_.send(
        {.method = "POST",
         .url = server_->url() + "/echo",
         .headers = {{"Content-Encoding", "gzip"}},
         .body = gzip("hello")}
    );
    EXPECT_EQ(response->body, "hello");
}

TEST_F(FilesTest, ServesThePagesWithTheirCaching) {
    start();
    const auto page = get("/");
    EXPECT_TRUE(page.body.starts_with("<title>"));
    EXPECT_EQ(page.headers.get("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(page.headers.get("Cache-Control"), "no-cache");
    EXPECT_TRUE(page.headers.get("Content-Security-Policy").contains("default-src 'self'"));
    EXPECT_EQ(page.headers.get("X-Frame-Options"), "DENY");
    EXPECT_EQ(page.headers.get("X-Content-Type-Options"), "nosniff");
    const auto script = get("/assets/app-1a2b.js");
    EXPECT_EQ(script.body, "const a = 1;");
    EXPECT_EQ(script.headers.get("Cache-Control"), "public, max-age=31536000, immutable");
    EXPECT_EQ(get("/runs/17/detail").body, page.body) << "the application knows its own paths";
    EXPECT_EQ(get("/assets/gone.js").status, 404);
    EXPECT_EQ(get("/api/v1/nothing").status, 404);
    EXPECT_EQ(get("/v1/nothing").status, 404);
    EXPECT_EQ(client_.send({.method = "POST", .url = server_->url() + "/runs/17"})->status, 404);
}

TEST_F(FilesTest, NeverLeavesTheFolder) {
    start();
    for (const std::string path :
         {"/../outside.txt",
          "/%2e%2e/outside.txt",
          "/..%2foutside.txt",
          "/assets/..%2f..%2foutside.txt",
          "/assets/%2e%2e/%2e%2e/outside.txt",
          "/link.txt",
          "//etc/passwd",
          "/%2fetc/passwd",
          "/..%5coutside.txt"}) {
        TestPeer peer(server_->port());
        peer.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        const std::string answer = peer.read_to_end();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 ")) << path;
        EXPECT_FALSE(answer.contains("not for you") || answer.contains("root:")) << path;
    }
}

TEST_F(FilesTest, DownloadsToAFileThatAppearsWhole) {
    start();
    const fs::path target = folder_ / "copy.bin";
    const auto response = client_.download({.url = server_->url() + "/data"}, target);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_TRUE(*read_file(target) == content_);
    const fs::path missing = folder_ / "missing.bin";
    EXPECT_EQ(client_.download({.url = server_->url() + "/api/none"}, missing)->status, 404);
    EXPECT_FALSE(fs::exists(missing));
    EXPECT_EQ(std::ranges::distance(fs::directory_iterator(folder_)), 4) << "no parts are left";
}

TEST_F(FilesTest, SendsASourcePieceByPiece) {
    int piece = 0;
    router_.get("/export", kPublic, [&](const Request&) {
        return Response{.content_type = "application/x-ndjson", .source = [&piece]() -> Result<std::string> {
                            return piece < 300 ? "{\"n\":" + std::to_string(piece++) + "}\n" : std::string();
                        }};
    });
    start();
    const auto response = get("/export");
    EXPECT_EQ(std::ranges::count(response.body, '\n'), 300);
    EXPECT_TRUE(response.body.ends_with("{\"n\":299}\n"));
    EXPECT_EQ(response.headers.get("Transfer-Encoding"), "chunked");
}

TEST_F(FilesTest, BreaksTheConnectionOffWhenASourceFails) {
    router_.get("/export", kPublic, [calls = 0](const Request&) mutable {
        return Response{.source = [&calls]() -> Result<std::string> {
            return ++calls < 3 ? Result<std::string>("part")
                               : Error{ErrorCode::kUnavailable, "the disk is gone"};
        }};
    });
    start();
    const auto response = client_.get(server_->url() + "/export");
    ASSERT_FALSE(response) << "half an answer must not look whole";
    EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace capstan::http
