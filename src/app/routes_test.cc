#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>

#include "app/all_routes.h"
#include "app/deployment_keeper.h"
#include "app/house.h"
#include "base/file.h"
#include "base/test_paths.h"
#include "platform/process/process_host.h"

namespace capstan::app {
namespace {

using security::Role;

// The whole house on an empty home, with a key of each role.
class RoutesTest : public testing::Test {
protected:
    void SetUp() override {
        ServerSettings settings;
        settings.home = folder_;
        house_ = House::build(settings).value();
        host_ = process::ProcessHost::start({.owner = "routes-test-" + new_id()}).value();
        keeper_ = std::make_unique<DeploymentKeeper>(*house_, *host_);
        add_all_routes(*house_, *keeper_, folders_);
        auto& keys = house_->security().keys();
        const auto admin = keys.bootstrap();
        secrets_[Role::kAdmin] = admin->secret;
        for (const Role role : {Role::kViewer, Role::kEditor, Role::kOperator}) {
            const std::string name(name_of(role));
            secrets_[role] =
                keys.create(admin->key, {.name = name, .principal_name = name, .role = role})->secret;
        }
    }

    void TearDown() override {
        keeper_.reset();
        host_.reset();
        house_.reset();
        std::filesystem::remove_all(folder_);
    }

    // What the check in front of the route says to this key.
    Result<http::Principal> ask(const http::Route& route, const std::string& secret) {
        http::Request request;
        request.method = route.method;
        request.pattern = route.pattern;
        request.path = route.pattern;
        if (!secret.empty()) {
            request.headers.add("Authorization", "Bearer " + secret);
        }
        return house_->router().authenticate(request, route);
    }

    // What an admin is answered.
    http::Response send(std::string method, std::string target, std::string body = "") {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = std::move(body);
        request.headers.add("Authorization", "Bearer " + secrets_[Role::kAdmin]);
        return house_->router().answer(std::move(request));
    }

    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    jobs::JobFolders folders_{folder_ / "jobs"};
    std::unique_ptr<House> house_;
    std::unique_ptr<process::ProcessHost> host_;
    std::unique_ptr<DeploymentKeeper> keeper_;
    std::map<Role, std::string> secrets_;
};

TEST_F(RoutesTest, EveryRouteLetsInExactlyTheRolesThatHaveItsPermission) {
    ASSERT_GT(house_->router().routes().size(), 50U);
    for (const http::Route* route : house_->router().routes()) {
        const std::string name = route->method + " " + route->pattern;
        EXPECT_TRUE(security::is_permission(route->permission)) << name << ": " << route->permission;
        EXPECT_EQ(ask(*route, "").error().code, ErrorCode::kUnauthorized) << name;
        EXPECT_EQ(ask(*route, "cap_wrong").error().code, ErrorCode::kUnauthorized) << name;
        for (const auto& [role, secret] : secrets_) {
            const auto answer = ask(*route, secret);
            EXPECT_EQ(answer.has_value(), security::may(role, route->permission))
                << name << " as " << name_of(role);
            if (!answer) {
                EXPECT_EQ(answer.error().code, ErrorCode::kDenied) << name;
            }
        }
    }
}

TEST_F(RoutesTest, WhatChangesSomethingNeedsMoreThanAViewer) {
    for (const http::Route* route : house_->router().routes()) {
        if (route->method != "GET") {
            EXPECT_FALSE(security::may(Role::kViewer, route->permission))
                << route->method << " " << route->pattern;
        }
    }
}

// Such as one whose room's migrations were forgotten in house.cc.
TEST_F(RoutesTest, WhatNeedsNothingAnswersOnAnEmptyHome) {
    for (const http::Route* route : house_->router().routes()) {
        if (route->method == "GET" && route->handler && !route->pattern.contains('{')) {
            const auto response = send("GET", route->pattern);
            EXPECT_EQ(response.status, 200) << route->pattern << ": " << response.body;
        }
    }
}

TEST_F(RoutesTest, EveryChangeIsAudited) {
    const auto made = send("POST", "/api/v1/keys", R"({"name": "ci", "role": "viewer"})");
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string id = parse_json(made.body)->string_or("id", "");
    const std::string secret = parse_json(made.body)->string_or("key", "");
    EXPECT_EQ(send("DELETE", "/api/v1/keys/nobody").status, 404);
    EXPECT_EQ(send("GET", "/api/v1/keys").status, 200);
    EXPECT_EQ(send("PUT", "/api/v1/spend/prices/man", R"({"prompt_usd_per_million": -1})").status, 400);

    const auto& admin = secrets_[Role::kAdmin];
    const auto events = house_->security().keys().audit_events(
        house_->security().keys().authenticate(admin)->project_id, "", 10
    );
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 3U);  // The newest first.
    EXPECT_EQ((*events)[0].action, "PUT /api/v1/spend/prices/{model}");
    EXPECT_EQ((*events)[0].subject, "/api/v1/spend/prices/man");
    EXPECT_EQ((*events)[0].outcome, "failed");
    EXPECT_FALSE((*events)[0].detail.empty());
    EXPECT_EQ((*events)[1].action, "DELETE /api/v1/keys/{id}");
    EXPECT_EQ((*events)[1].outcome, "failed");
    EXPECT_EQ((*events)[2].action, "POST /api/v1/keys");
    EXPECT_EQ((*events)[2].subject, "/api/v1/keys/" + id);
    EXPECT_EQ((*events)[2].outcome, "allowed");
    EXPECT_EQ((*events)[2].principal_name, "admin");
    EXPECT_FALSE((*events)[2].detail.contains(secret));
}

// "/api/v1/lineage/{node...}" and "/api/v1/lineage/{node}" are the same to OpenAPI.
std::string plain(std::string pattern) {
    if (const std::size_t dots = pattern.find("..."); dots != std::string::npos) {
        pattern.erase(dots, 3);
    }
    return pattern;
}

TEST_F(RoutesTest, TheDocumentOfTheApiNamesExactlyTheRoutesThereAre) {
    const auto text = read_file(source_directory() / "docs/api/openapi.json");
    ASSERT_TRUE(text) << text.error().message;
    const auto document = parse_json(*text);
    ASSERT_TRUE(document) << document.error().message;
    std::set<std::string> documented;
    for (const auto& [path, methods] : *(*document)["paths"].as_object()) {
        for (const char* method : {"get", "post", "put", "patch", "delete"}) {
            if (methods.contains(method)) {
                std::string upper(method);
                std::ranges::transform(upper, upper.begin(), [](char c) {
                    return static_cast<char>(c - 'a' + 'A');
                });
                documented.insert(upper + " " + path);
            }
        }
    }
    std::set<std::string> served;
    for (const http::Route* route : house_->router().routes()) {
        if (route->pattern.starts_with("/api/")) {
            served.insert(route->method + " " + plain(route->pattern));
        }
    }
    for (const std::string& route : served) {
        EXPECT_TRUE(documented.contains(route)) << route << " is served and not in docs/api/openapi.json";
    }
    for (const std::string& route : documented) {
        EXPECT_TRUE(served.contains(route)) << route << " is in docs/api/openapi.json and not served";
    }
}

}  // namespace
}  // namespace capstan::app
