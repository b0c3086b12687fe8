#include "security/key_service.h"

#include <memory>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "platform/http/router.h"
#include "platform/sql/test_database.h"
#include "security/authenticator.h"
#include "security/room.h"

namespace capstan::security {
namespace {

class KeyServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        keys_ = KeyService::open(
                    {.database = database(), .next_id = new_id, .now_ms = [] { return std::int64_t{1000}; }}
        ).value();
        router_.authenticate_with(make_authenticator(*keys_));
        router_.get("/read", "runs.read", [](const http::Request&) { return http::Response{}; });
        router_.get("/admin", "keys.admin", [](const http::Request&) { return http::Response{}; });
    }

    int status(std::string target, std::string header, std::string value) {
        http::Request request;
        request.method = "GET";
        request.target = std::move(target);
        request.headers.add(header, value);
        return router_.answer(std::move(request)).status;
    }

    std::unique_ptr<KeyService> keys_;
    http::Router router_;
};

INSTANTIATE_TEST_SUITE_P(Databases, KeyServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(KeyServiceTest, BootstrapsOnce) {
    const auto made = keys_->bootstrap();
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->key.role, Role::kAdmin);
    EXPECT_EQ(made->key.project_name, "default");
    EXPECT_EQ(made->secret.size(), 68U);
    EXPECT_EQ(keys_->bootstrap().error().code, ErrorCode::kConflict);
}

TEST_P(KeyServiceTest, KeepsNoSecret) {
    const auto made = keys_->bootstrap();
    const auto found = database().read([&](soci::session& session) {
        return Result<std::int64_t>(sql::count(
            session, "SELECT COUNT(*) FROM api_keys WHERE secret_sha256 = :secret", {{"secret", made->secret}}
        ));
    });
    EXPECT_EQ(*found, 0);
}

TEST_P(KeyServiceTest, TakesTheKeyFromEachOfTheThreeHeaders) {
    const std::string secret = keys_->bootstrap()->secret;
    EXPECT_EQ(status("/read", "Authorization", "Bearer " + secret), 200);
    EXPECT_EQ(status("/read", "authorization", "bearer  " + secret), 200);
    EXPECT_EQ(status("/read", "x-api-key", secret), 200);
    EXPECT_EQ(status("/read", "Authorization", "Basic " + encode_base64("anyone:" + secret)), 200);
    EXPECT_EQ(status("/read", "Authorization", "Basic !!!"), 401);
}

TEST_P(KeyServiceTest, RefusesUnknownEmptyAndHugeKeys) {
    ASSERT_TRUE(keys_->bootstrap());
    EXPECT_EQ(status("/read", "Authorization", "Bearer cap_wrong"), 401);
    EXPECT_EQ(status("/read", "Authorization", "Bearer "), 401);
    EXPECT_EQ(status("/read", "Authorization", "Bearer " + std::string(10'000, 'x')), 401);
    EXPECT_EQ(status("/read", "x-other", "1"), 401);
}

TEST_P(KeyServiceTest, RefusesWhatTheRoleLacksAndWritesItDown) {
    const auto admin = keys_->bootstrap();
    const auto viewer =
        keys_->create(admin->key, {.name = "v", .principal_name = "bob", .role = Role::kViewer});
    ASSERT_TRUE(viewer) << viewer.error().message;
    EXPECT_EQ(status("/read", "x-api-key", viewer->secret), 200);
    EXPECT_EQ(status("/admin", "x-api-key", viewer->secret), 403);
    const auto events = keys_->audit_events(admin->key.project_id, "", 10);
    ASSERT_EQ(events->size(), 1U);
    EXPECT_EQ(events->front().principal_name, "bob");
    EXPECT_EQ(events->front().outcome, "denied");
}

TEST_P(KeyServiceTest, RevokesAtOnceButNeverTheLastAdminKey) {
    const auto admin = keys_->bootstrap();
    const auto other =
        keys_->create(admin->key, {.name = "o", .principal_name = "o", .role = Role::kOperator});
    EXPECT_EQ(keys_->revoke(admin->key.project_id, admin->key.id).error().code, ErrorCode::kConflict);
    EXPECT_EQ(keys_->revoke("another project", other->key.id).error().code, ErrorCode::kConflict);
    ASSERT_TRUE(keys_->revoke(admin->key.project_id, other->key.id));
    EXPECT_EQ(status("/read", "x-api-key", other->secret), 401);
    EXPECT_EQ(keys_->revoke(admin->key.project_id, other->key.id).error().code, ErrorCode::kNotFound);
}

TEST_P(KeyServiceTest, CannotMakeAKeyAboveItsOwnRole) {
    const auto admin = keys_->bootstrap();
    const auto editor =
        keys_->create(admin->key, {.name = "e", .principal_name = "e", .role = Role::kEditor});
    const auto above = keys_->create(editor->key, {.name = "x", .principal_name = "x", .role = Role::kAdmin});
    EXPECT_EQ(above.error().code, ErrorCode::kDenied);
    EXPECT_EQ(
        keys_->create(admin->key, {.name = "", .principal_name = "x"}).error().code, ErrorCode::kInvalid
    );
}

TEST_P(KeyServiceTest, WritesDownWhenAKeyWasLastUsed) {
    const auto admin = keys_->bootstrap();
    EXPECT_EQ(keys_->list(admin->key.project_id, "", 10)->front().last_used_ms, std::nullopt);
    ASSERT_TRUE(keys_->authenticate(admin->secret));
    ASSERT_TRUE(keys_->flush_last_used());
    EXPECT_EQ(keys_->list(admin->key.project_id, "", 10)->front().last_used_ms, 1000);
}

TEST(Permissions, EachRoleMayDoAllThatTheOneBelowMay) {
    for (const auto& rule : permission_rules()) {
        for (int role = 0; role < 4; ++role) {
            EXPECT_EQ(may(static_cast<Role>(role), rule.permission), role >= static_cast<int>(rule.role_min));
        }
    }
    EXPECT_FALSE(may(Role::kAdmin, "no.such"));
    EXPECT_TRUE(may(Role::kViewer, "runs.read"));
    EXPECT_FALSE(may(Role::kViewer, "inference.invoke"));
    EXPECT_FALSE(may(Role::kEditor, "deployments.write"));
    EXPECT_FALSE(may(Role::kOperator, "keys.admin"));
}

}  // namespace
}  // namespace capstan::security
