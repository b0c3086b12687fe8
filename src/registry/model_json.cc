#include "registry/model_json.h"

namespace capstan::registry {

Json to_json(const Version& version) {
    Json objects = Json::array();
    for (const ModelFile& file : version.files) {
        objects.push(Json::object({{"path", file.path}, {"object", file.object}, {"bytes", file.bytes}}));
    }
    return Json::object(
        {{"id", version.id},
         {"model", version.model},
         {"number", version.number},
         {"kind", name_of(version.kind)},
         {"status", name_of(version.status)},
         {"base_version_id", version.base_version_id},
         {"run_id", version.run_id},
         {"parameters", version.parameters},
         {"scores", version.scores},
         {"objects", std::move(objects)},
         {"created_at", rfc3339(version.created_ms)}}
    );
}

Json to_json(const ModelDetail& detail) {
    Json aliases = Json::object();
    for (const auto& [alias, number] : detail.aliases) {
        aliases.set(alias, number);
    }
    return Json::object(
        {{"id", detail.model.id},
         {"name", detail.model.name},
         {"description", detail.model.description},
         {"created_at", rfc3339(detail.model.created_ms)},
         {"latest_version", detail.latest ? to_json(*detail.latest) : Json()},
         {"aliases", std::move(aliases)}}
    );
}

Json to_json(const Tokenizer& tokenizer) {
    return Json::object(
        {{"id", tokenizer.id},
         {"name", tokenizer.name},
         {"vocabulary_size", tokenizer.vocabulary_size},
         {"object", tokenizer.tokenizer_object},
         {"config_object", tokenizer.config_object},
         {"dataset_commit_id", tokenizer.dataset_commit_id},
         {"job_id", tokenizer.job_id},
         {"created_at", rfc3339(tokenizer.created_ms)}}
    );
}

}  // namespace capstan::registry
