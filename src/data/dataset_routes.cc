#include "data/dataset_routes.h"

#include "platform/http/json_reply.h"
#include "platform/http/page.h"

namespace capstan::data {
namespace {

Json commit_json(const Commit& commit) {
    return Json::object(
        {{"id", commit.id},
         {"dataset_id", commit.dataset_id},
         {"message", commit.message},
         {"records", commit.records},
         {"bytes", commit.bytes},
         {"parents", commit.parent_id ? Json::array({*commit.parent_id}) : Json::array()},
         {"manifest_object", commit.manifest_object},
         {"created_at", rfc3339(commit.created_ms)}}
    );
}

Json dataset_json(const DatasetWithCommit& found) {
    return Json::object(
        {{"id", found.dataset.id},
         {"name", found.dataset.name},
         {"kind", found.dataset.kind},
         {"description", found.dataset.description},
         {"created_at", rfc3339(found.dataset.created_ms)},
         {"latest_commit", found.latest ? commit_json(*found.latest) : Json()}}
    );
}

Json detail_json(const CommitDetail& detail) {
    Json json = commit_json(detail.commit);
    Json splits = Json::array();
    for (const Split& split : detail.manifest.splits) {
        splits.push(Json::object(
            {{"name", split.name},
             {"records", split.records()},
             {"bytes", split.bytes()},
             {"shards", split.shards.size()}}
        ));
    }
    json.set("dataset_name", detail.dataset.name);
    json.set("kind", detail.dataset.kind);
    json.set("splits", std::move(splits));
    json.set("recipe", detail.manifest.recipe);
    json.set("report", detail.manifest.report);
    return json;
}

http::Response list_page(DatasetService& datasets, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = datasets.list(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    return http::reply(http::page_json(*rows, *page, dataset_json, [](const DatasetWithCommit& row) {
        return row.dataset.id;
    }));
}

http::Response commits_page(DatasetService& datasets, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows =
        datasets.commits(request.principal.project_id, request.param("id"), page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    return http::reply(http::page_json(*rows, *page, commit_json, [](const Commit& commit) {
        return commit.id;
    }));
}

http::Response samples_reply(DatasetService& datasets, const http::Request& request) {
    DatasetService::SampleAsk ask;
    const auto limit = request.query.get_int("limit", ask.limit);
    const auto offset = request.query.get_int("offset", ask.offset);
    if (!limit || !offset) {
        return http::reply(limit ? offset.error() : limit.error());
    }
    ask.limit = *limit;
    ask.offset = *offset;
    if (const auto* split = request.query.find("split")) {
        ask.split = *split;
    }
    const auto samples = datasets.samples(request.principal.project_id, request.param("id"), ask);
    if (!samples) {
        return http::reply(samples.error());
    }
    return http::reply(Json::object({{"items", Json::array_of(samples->records)}, {"total", samples->total}})
    );
}

}  // namespace

void add_dataset_routes(http::Router& router, DatasetService& datasets) {
    router.get("/api/v1/datasets", "datasets.read", [&datasets](const http::Request& request) {
        return list_page(datasets, request);
    });
    router.get("/api/v1/datasets/{id}", "datasets.read", [&datasets](const http::Request& request) {
        const auto found = datasets.get(request.principal.project_id, request.param("id"));
        return found ? http::reply(dataset_json(*found)) : http::reply(found.error());
    });
    router.get("/api/v1/datasets/{id}/commits", "datasets.read", [&datasets](const http::Request& request) {
        return commits_page(datasets, request);
    });
    router.get("/api/v1/dataset-commits/{id}", "datasets.read", [&datasets](const http::Request& request) {
        const auto detail = datasets.commit_detail(request.principal.project_id, request.param("id"));
        return detail ? http::reply(detail_json(*detail)) : http::reply(detail.error());
    });
    router.get(
        "/api/v1/dataset-commits/{id}/samples",
        "datasets.read",
        [&datasets](const http::Request& request) { return samples_reply(datasets, request); }
    );
}

}  // namespace capstan::data
