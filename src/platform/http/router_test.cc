#include "platform/http/router.h"

#include <gtest/gtest.h>

#include "platform/http/json_reply.h"

namespace capstan::http {
namespace {

Handler says(std::string text) {
    return [text = std::move(text)](const Request&) {
        return Response{.content_type = "text/plain", .body = text};
    };
}

TEST(Router, PrefersFixedSegmentsToNamesAndNamesToTheRest) {
    Router router;
    router.get("/runs/{id}", kPublic, [](const Request& r) {
        return Response{.body = "id " + r.param("id")};
    });
    router.get("/runs/latest", kPublic, says("latest"));
    router.get("/runs/{path...}", kPublic, [](const Request& r) {
        return Response{.body = "rest " + r.param("path")};
    });
    router.post("/runs/search", kPublic, says("search"));
    const auto ask = [&](std::string target) {
        return router.answer({.method = "GET", .target = std::move(target)});
    };
    EXPECT_EQ(ask("/runs/latest").body, "latest");
    EXPECT_EQ(ask("/runs/7").body, "id 7");
    EXPECT_EQ(ask("/runs/a%2Fb").body, "id a/b");
    EXPECT_EQ(ask("/runs/7/files/a%20b").body, "rest 7/files/a b");
    EXPECT_EQ(ask("/runs/").body, "rest ");
    EXPECT_EQ(ask("/runs/search").body, "id search") << "a path with another method falls back to the name";
    EXPECT_EQ(ask("/runs").status, 404);
    EXPECT_EQ(ask("/").status, 404);
}

TEST(Router, NamesEachParameter) {
    Router router;
    router.get("/a/{x}/b/{y}", kPublic, [](const Request& r) {
        return Response{.body = r.param("x") + r.param("y")};
    });
    router.del("/a/{other}/b/{z}", kPublic, [](const Request& r) {
        return Response{.body = r.param("other") + r.param("z")};
    });
    EXPECT_EQ(router.answer({.method = "GET", .target = "/a/1/b/2"}).body, "12");
    EXPECT_EQ(router.answer({.method = "DELETE", .target = "/a/1/b/2"}).body, "12");
    EXPECT_EQ(router.answer({.method = "GET", .target = "/a//b/2"}).status, 404) << "a name is not empty";
}

TEST(Router, SaysWhatAPathAllows) {
    Router router;
    router.get("/a", kPublic, says(""));
    router.post("/a", kPublic, says(""));
    const auto match = router.match("PUT", {"a"});
    EXPECT_EQ(match.route, nullptr);
    EXPECT_EQ(match.allow, "GET, HEAD, POST, OPTIONS");
    EXPECT_EQ(router.match("HEAD", {"a"}).route, router.match("GET", {"a"}).route);
}

TEST(Router, ListsAllRoutesWithTheirPermissions) {
    Router router;
    router.get("/a", "a.read", says(""));
    router.events("/b", "b.read", [](const Request&, EventSink&) { return Result<void>(); });
    const auto routes = router.routes();
    ASSERT_EQ(routes.size(), 2u);
    EXPECT_EQ(routes[0]->permission, "a.read");
    EXPECT_EQ(routes[1]->method + routes[1]->pattern, "GET/b");
}

TEST(RouterDeathTest, RefusesWhatCannotBeMeant) {
    Router router;
    router.get("/a/{x}", kPublic, says(""));
    EXPECT_DEATH(router.get("/a/{y}", kPublic, says("")), "one handler for one method and path");
    EXPECT_DEATH(router.get("a", kPublic, says("")), "starts with '/'");
    EXPECT_DEATH(router.get("/x{y}", kPublic, says("")), "fills its whole segment");
    EXPECT_DEATH(router.get("/{x...}/y", kPublic, says("")), "last segment");
    EXPECT_DEATH(router.get("/b", "", says("")), "permission");
}

TEST(Router, AnswersErrorsInOneShape) {
    Router router;
    router.get("/a", kPublic, [](const Request&) {
        return reply(Error{ErrorCode::kConflict, "it has changed"});
    });
    const auto response = router.answer({.method = "GET", .target = "/a", .request_id = "r1"});
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(response.body, R"({"error":{"code":"conflict","message":"it has changed","request_id":"r1"}})");
}

TEST(JsonReply, ReadsOnlyObjects) {
    EXPECT_TRUE(read_json({.body = R"({"a": 1})"}));
    for (const std::string body : {"", "[]", "1", "{", "{} x"}) {
        const auto value = read_json({.body = body});
        ASSERT_FALSE(value) << body;
        EXPECT_EQ(value.error().code, ErrorCode::kInvalid);
    }
}

TEST(JsonReply, GivesEachCodeItsStatus) {
    EXPECT_EQ(reply(Error{ErrorCode::kUnauthorized, ""}).status, 401);
    EXPECT_EQ(reply(Error{ErrorCode::kTooLarge, ""}).status, 413);
    EXPECT_EQ(reply(Error{ErrorCode::kCancelled, ""}).status, 499);
    EXPECT_EQ(reply(Result<void>()).status, 204);
    for (const auto code :
         {ErrorCode::kInvalid,
          ErrorCode::kDenied,
          ErrorCode::kUnauthorized,
          ErrorCode::kNotFound,
          ErrorCode::kConflict,
          ErrorCode::kTooLarge,
          ErrorCode::kExhausted,
          ErrorCode::kUnavailable,
          ErrorCode::kCancelled}) {
        EXPECT_EQ(error_code_of(status_of(code)), code) << "there and back";
    }
}

}  // namespace
}  // namespace capstan::http
