#include "app/lineage_expanders.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "app/attribution.h"

namespace capstan::app {
namespace {

using lineage::Edge;
using lineage::Expansion;
using lineage::Node;
using lineage::node_name;

constexpr std::size_t kClosestRecords = 3;

// "man/3" → the version, when it is still there.
std::optional<registry::Version> version_of(
    House& house, std::string_view project_id, std::string_view model_and_number
) {
    const std::size_t slash = model_and_number.rfind('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    std::int64_t number = 0;
    const std::string_view digits = model_and_number.substr(slash + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    auto version =
        house.registry().models().version_by_number(project_id, model_and_number.substr(0, slash), number);
    return version ? std::optional(std::move(*version)) : std::nullopt;
}

std::string question_of(const Json& input) {
    if (const auto* text = input.as_string()) {
        return *text;
    }
    const auto* messages = input.as_array();
    return messages != nullptr && !messages->empty() ? messages->back().string_or("content", "")
                                                     : std::string();
}

// Where a record came from: the path of a file, or the page of a question pair.
std::string source_of(const Json& record) {
    const Json& source = record["source"];
    return source.string_or("path", source.string_or("page", ""));
}

// The closest records of the data that a run was trained on, each with its source.
void add_closest(
    House& house,
    std::string_view project_id,
    const std::string& run_id,
    const observability::Trace& trace,
    Expansion& expansion
) {
    const auto run = house.tracking().runs().detail(project_id, run_id);
    const auto commit_id =
        run ? run->params.find("dataset_commit_id") : std::map<std::string, std::string>::const_iterator();
    if (!run || commit_id == run->params.end()) {
        return;
    }
    const auto commit = house.data().datasets().commit_detail(project_id, commit_id->second);
    if (!commit) {
        return;
    }
    const auto closest = closest_records(
        house.data().datasets(),
        commit->manifest,
        question_of(trace.input) + " " + trace.output,
        kClosestRecords
    );
    if (!closest) {
        return;
    }
    const std::string response = node_name("response", trace.id);
    for (const ClosestRecord& found : *closest) {
        const std::string record = node_name("record", found.record.string_or("id", "unknown"));
        Json detail = found.record;
        detail.set("similarity", found.similarity);
        expansion.nodes.push_back(
            {.name = record,
             .label =
                 fmt::format("{} ({:.0f} % alike)", found.record.string_or("id", ""), found.similarity * 100),
             .link = "",
             .detail = detail}
        );
        expansion.edges.push_back({response, record, "closest_training_record"});
        expansion.edges.push_back({record, node_name("dataset_commit", commit->commit.id), "part_of"});
        if (const std::string source = source_of(found.record); !source.empty()) {
            expansion.nodes.push_back({.name = node_name("source", source), .label = source, .link = ""});
            expansion.edges.push_back({record, node_name("source", source), "derived_from"});
        }
    }
}

Result<Expansion> expand_response(House& house, std::string_view project_id, std::string_view name) {
    const auto found = house.observability().traces().get(project_id, lineage::id_of(name));
    if (!found) {
        return found.error();
    }
    const observability::Trace& trace = found->trace;
    Expansion expansion;
    expansion.nodes.push_back(
        {.name = std::string(name),
         .label = "answer by " + trace.target_label,
         .link = "/traces/" + trace.id,
         .detail = Json::object(
             {{"question", question_of(trace.input)},
              {"answer", trace.output},
              {"deployment", trace.deployment},
              {"model", trace.model}}
         )}
    );
    const auto version = version_of(house, project_id, trace.model);
    if (!version) {
        return expansion;
    }
    expansion.edges.push_back({std::string(name), node_name("model_version", version->id), "answered_by"});
    if (version->run_id) {
        add_closest(house, project_id, *version->run_id, trace, expansion);
    }
    return expansion;
}

}  // namespace

void add_lineage_expanders(House& house) {
    house.lineage().lineage().expand_with(
        "response",
        [&house](std::string_view project_id, std::string_view name) {
            return expand_response(house, project_id, name);
        }
    );
}

}  // namespace capstan::app
