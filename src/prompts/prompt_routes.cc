#include "prompts/prompt_routes.h"

#include "platform/http/json_reply.h"
#include "platform/http/page.h"

namespace capstan::prompts {
namespace {

Json prompt_json(const Prompt& prompt) {
    Json versions = Json::array();
    for (const PromptVersion& version : prompt.versions) {
        Json labels = Json::array();
        for (const auto& [label, number] : prompt.labels) {
            if (number == version.number) {
                labels.push(label);
            }
        }
        versions.push(Json::object(
            {{"number", version.number},
             {"template", version.content},
             {"message", version.message},
             {"labels", std::move(labels)},
             {"created_at", rfc3339(version.created_ms)}}
        ));
    }
    return Json::object(
        {{"id", prompt.id},
         {"name", prompt.name},
         {"created_at", rfc3339(prompt.created_ms)},
         {"versions", std::move(versions)}}
    );
}

http::Response reply_with(const Result<Prompt>& prompt, int status = 200) {
    return prompt ? http::reply(prompt_json(*prompt), status) : http::reply(prompt.error());
}

http::Response list_page(PromptService& prompts, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = prompts.list(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    return http::reply(http::page_json(*rows, *page, prompt_json, [](const Prompt& prompt) {
        return prompt.id;
    }));
}

http::Response add_version(PromptService& prompts, const http::Request& request, std::string name) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    return reply_with(
        prompts.add_version(
            {.project_id = request.principal.project_id,
             .name = name.empty() ? body->string_or("name", "") : std::move(name),
             .content = (*body)["template"],
             .message = body->string_or("message", "")}
        ),
        201
    );
}

http::Response set_label(PromptService& prompts, const http::Request& request) {
    const auto body = http::read_json(request);
    const auto number = body ? body->get_int("number") : Result<std::int64_t>(body.error());
    if (!number) {
        return http::reply(number.error());
    }
    return reply_with(prompts.set_label(
        request.principal.project_id,
        {.name = request.param("name"), .label = request.param("label"), .number = *number}
    ));
}

}  // namespace

void add_prompt_routes(http::Router& router, PromptService& prompts) {
    router.get("/api/v1/prompts", "prompts.read", [&prompts](const http::Request& request) {
        return list_page(prompts, request);
    });
    router.post("/api/v1/prompts", "prompts.write", [&prompts](const http::Request& request) {
        return add_version(prompts, request, "");
    });
    router.get("/api/v1/prompts/{name}", "prompts.read", [&prompts](const http::Request& request) {
        return reply_with(prompts.get(request.principal.project_id, request.param("name")));
    });
    router.post("/api/v1/prompts/{name}/versions", "prompts.write", [&prompts](const http::Request& request) {
        return add_version(prompts, request, request.param("name"));
    });
    router.put(
        "/api/v1/prompts/{name}/labels/{label}",
        "prompts.write",
        [&prompts](const http::Request& request) { return set_label(prompts, request); }
    );
}

}  // namespace capstan::prompts
