#include "registry/model_routes.h"

#include <charconv>

#include "platform/http/json_reply.h"
#include "platform/http/page.h"
#include "registry/model_json.h"

namespace capstan::registry {
namespace {

Result<std::int64_t> parse_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size() || number < 0) {
        return Error{
            ErrorCode::kInvalid, "a version is a number from 1; got '" + std::string(text.substr(0, 40)) + "'"
        };
    }
    return number;
}

template <typename T>
http::Response reply_with(const Result<T>& found, int status = 200) {
    return found ? http::reply(to_json(*found), status) : http::reply(found.error());
}

http::Response models_page(ModelService& models, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = models.list(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    const auto json_of = [](const ModelDetail& row) { return to_json(row); };
    return http::reply(http::page_json(*rows, *page, json_of, [](const ModelDetail& row) {
        return row.model.id;
    }));
}

http::Response versions_page(ModelService& models, const http::Request& request) {
    const auto page = http::read_page(request);
    const auto before =
        page ? parse_number(page->cursor.empty() ? "0" : page->cursor) : Result<std::int64_t>(page.error());
    if (!before) {
        return http::reply(before.error());
    }
    const auto rows =
        models.versions(request.principal.project_id, request.param("name"), *before, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    const auto json_of = [](const Version& version) { return to_json(version); };
    return http::reply(http::page_json(*rows, *page, json_of, [](const Version& version) {
        return std::to_string(version.number);
    }));
}

http::Response tokenizers_page(ModelService& models, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = models.tokenizers(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    const auto json_of = [](const Tokenizer& tokenizer) { return to_json(tokenizer); };
    return http::reply(http::page_json(*rows, *page, json_of, [](const Tokenizer& row) { return row.id; }));
}

http::Response version_reply(ModelService& models, const http::Request& request) {
    const auto number = parse_number(request.param("number"));
    if (!number) {
        return http::reply(number.error());
    }
    return reply_with(models.version_by_number(request.principal.project_id, request.param("name"), *number));
}

http::Response set_status(ModelService& models, const http::Request& request) {
    const auto number = parse_number(request.param("number"));
    const auto body = number ? http::read_json(request) : Result<Json>(number.error());
    const auto status =
        body ? parse_version_status(body->string_or("status", "")) : Result<VersionStatus>(body.error());
    if (!status) {
        return http::reply(status.error());
    }
    const auto version =
        models.version_by_number(request.principal.project_id, request.param("name"), *number);
    if (!version) {
        return http::reply(version.error());
    }
    return reply_with(models.assess(request.principal.project_id, version->id, {.status = *status}));
}

http::Response set_alias(ModelService& models, const http::Request& request) {
    const auto body = http::read_json(request);
    const auto number = body ? body->get_int("number") : Result<std::int64_t>(body.error());
    if (!number) {
        return http::reply(number.error());
    }
    return http::reply(models.set_alias(
        request.principal.project_id,
        {.model = request.param("name"), .alias = request.param("alias"), .number = *number}
    ));
}

}  // namespace

void add_model_routes(http::Router& router, ModelService& models) {
    router.get("/api/v1/models", "models.read", [&models](const http::Request& request) {
        return models_page(models, request);
    });
    router.get("/api/v1/models/{name}", "models.read", [&models](const http::Request& request) {
        return reply_with(models.get(request.principal.project_id, request.param("name")));
    });
    router.get("/api/v1/models/{name}/versions", "models.read", [&models](const http::Request& request) {
        return versions_page(models, request);
    });
    router.get(
        "/api/v1/models/{name}/versions/{number}",
        "models.read",
        [&models](const http::Request& request) { return version_reply(models, request); }
    );
    router.patch(
        "/api/v1/models/{name}/versions/{number}",
        "models.write",
        [&models](const http::Request& request) { return set_status(models, request); }
    );
    router.put(
        "/api/v1/models/{name}/aliases/{alias}",
        "models.write",
        [&models](const http::Request& request) { return set_alias(models, request); }
    );
    router.get("/api/v1/tokenizers", "models.read", [&models](const http::Request& request) {
        return tokenizers_page(models, request);
    });
    router.get("/api/v1/tokenizers/{id}", "models.read", [&models](const http::Request& request) {
        return reply_with(models.tokenizer(request.principal.project_id, request.param("id")));
    });
}

}  // namespace capstan::registry
