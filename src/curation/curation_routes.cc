#include "curation/curation_routes.h"

#include "platform/http/json_reply.h"

namespace capstan::curation {

void add_curation_routes(http::Router& router, CurationService& curations) {
    router.post("/api/v1/curations", "datasets.write", [&curations](const http::Request& request) {
        const auto body = http::read_json(request);
        const auto name = body ? body->get_string("name") : Result<std::string>(body.error());
        if (!name) {
            return http::reply(name.error());
        }
        const auto started = curations.submit(
            {.project_id = request.principal.project_id,
             .name = *name,
             .spec = body->contains("spec") ? (*body)["spec"] : Json::object(),
             .idempotency_key = body->string_or("idempotency_key", "")}
        );
        if (!started) {
            return http::reply(started.error());
        }
        return http::reply(
            Json::object(
                {{"job_id", started->job.id},
                 {"dataset_id", started->dataset.id},
                 {"dataset", started->dataset.name}}
            ),
            202
        );
    });
}

}  // namespace capstan::curation
