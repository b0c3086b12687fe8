#include "app/api_commands.h"

#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/api_client.h"
#include "app/deployment_routes.h"
#include "app/home_lock.h"
#include "app/house.h"
#include "app/job_routes.h"
#include "app/key_file.h"
#include "app/lineage_tree.h"
#include "base/file.h"
#include "platform/cli/table.h"
#include "platform/http/url.h"

namespace capstan::app {
namespace {

constexpr std::uint64_t kJsonFileBytesMax = std::uint64_t{8} << 20;

using Values = std::map<std::string, std::string>;  // By parameter name; as written on the command line.

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Result<Json> json_from(const std::string& text) {
    if (!text.starts_with('@')) {
        return parse_json(text);
    }
    const auto file = read_file(text.substr(1), kJsonFileBytesMax);
    return file ? parse_json(*file) : Result<Json>(file.error());
}

Result<Json> value_from(const cli::Parameter& parameter, const std::string& text) {
    if (parameter.kind == cli::Kind::kText) {
        return Json(text);
    }
    auto json = json_from(text);
    if (!json) {
        return with_context("'" + parameter.name + "'", json.error());
    }
    const bool fits = parameter.kind == cli::Kind::kJson ||
                      (parameter.kind == cli::Kind::kInteger && json->is_integer()) ||
                      (parameter.kind == cli::Kind::kReal && json->is_number()) ||
                      (parameter.kind == cli::Kind::kFlag && json->is_bool());
    return fits ? json : invalid("'" + parameter.name + "' has a value of the wrong kind: " + text);
}

// Path, query and body of one call.
struct Call {
    std::string path;
    std::optional<Json> body;
};

Result<Call> call_of(const cli::Command& command, const Values& values) {
    Call call{.path = command.path, .body = std::nullopt};
    std::string query;
    if (command.method != "GET" && command.method != "DELETE") {
        call.body = Json::object();
    }
    for (const cli::Parameter& parameter : command.parameters) {
        const auto written = values.find(parameter.name);
        if (written == values.end() || written->second.empty()) {
            continue;
        }
        const auto value = value_from(parameter, written->second);
        if (!value) {
            return value.error();
        }
        switch (parameter.place) {
            case cli::Place::kPath: {
                const std::string hole = "{" + parameter.name + "}";
                call.path.replace(call.path.find(hole), hole.size(), http::percent_encode(written->second));
                break;
            }
            case cli::Place::kQuery:
                query += (query.empty() ? "?" : "&") + parameter.name + "=" +
                         http::percent_encode(written->second);
                break;
            case cli::Place::kBody:
                call.body->set(parameter.name, *value);
                break;
        }
    }
    call.path += query;
    return call;
}

std::string rendered(const cli::Command& command, const Json& answer, bool as_json) {
    if (answer.is_null()) {
        return as_json ? "{}\n" : "done\n";  // An answer without a body, such as to a removal.
    }
    if (as_json) {
        return answer.dump_pretty();
    }
    if (command.render != nullptr) {
        return command.render(answer);
    }
    const auto* items = answer["items"].as_array();
    if (!command.columns.empty() && items != nullptr) {
        return items->empty() ? "nothing yet\n" : cli::render_table(*items, command.columns);
    }
    return cli::render_members(answer);
}

Result<ApiClient> connect(const CommonOptions& options) {
    std::string url = options.url;
    if (url.empty()) {
        const auto server = find_running_server(options.home);
        if (!server) {
            return Error{
                ErrorCode::kUnavailable,
                "no server runs on " + options.home +
                    "; start one with 'capstan serve', or name one with --url"
            };
        }
        url = server->url;
    }
    return Result<ApiClient>(
        std::in_place, url, options.key.empty() ? read_key_file(options.home) : options.key
    );
}

Result<void> run(const cli::Command& command, const Values& values, const CommonOptions& options) {
    const auto call = call_of(command, values);
    if (!call) {
        return call.error();
    }
    auto api = connect(options);
    if (!api) {
        return api.error();
    }
    const auto answer = api->call(command.method, call->path, call->body);
    if (!answer) {
        return answer.error();
    }
    fmt::print("{}", rendered(command, *answer, options.json));
    return {};
}

std::string render_stages(const Json& loop) {
    const auto* stages = loop["stages"].as_array();
    return cli::render_table(
        stages != nullptr ? *stages : Json::Array(),
        {{"STAGE", "title"}, {"STATE", "state"}, {"DETAIL", "detail"}, {"UPDATED", "updated_at"}}
    );
}

std::vector<cli::Command> all_commands() {
    std::vector<cli::Command> all = room_commands();
    for (auto commands : {deployment_commands(), job_commands()}) {
        all.insert(all.end(), commands.begin(), commands.end());
    }
    all.push_back(
        {"lineage",
         "show",
         "Walk from a thing to what it came from, or to what came of it",
         "GET",
         "/api/v1/lineage/{node}",
         {{"node",
           "KIND:ID, such as response:chatcmpl-…, or a response's id",
           cli::Place::kPath,
           cli::Kind::kText,
           true},
          {"direction", "up, down or both; up when left out", cli::Place::kQuery},
          {"depth", "1 to 32 steps; 8 when left out", cli::Place::kQuery, cli::Kind::kInteger}},
         {},
         render_lineage_tree}
    );
    all.push_back(
        {"loop", "show", "Where each stage of the loop stands", "GET", "/api/v1/loop", {}, {}, render_stages}
    );
    return all;
}

// A response's id stands for its node.
void complete_node(Values& values) {
    const auto node = values.find("node");
    if (node != values.end() && node->second.find(':') == std::string::npos) {
        node->second = "response:" + node->second;
    }
}

void add_command(CLI::App& noun, const cli::Command& command, CommonOptions& options) {
    CLI::App* verb = noun.add_subcommand(command.verb, command.help)->group("Verbs");
    // Shared by the parser, which fills it, and the callback, which reads it.
    auto values = std::make_shared<Values>();
    for (const cli::Parameter& parameter : command.parameters) {
        std::string& value = (*values)[parameter.name];
        if (parameter.required) {
            verb->add_option(parameter.name, value, parameter.help)->required();
        } else {
            std::string flag = "--" + parameter.name;
            std::ranges::replace(flag, '_', '-');
            verb->add_option(flag, value, parameter.help);
        }
    }
    verb->callback([&options, command, values] {
        options.chosen = [&options, command, values]() -> Result<void> {
            complete_node(*values);
            return run(command, *values, options);
        };
    });
}

}  // namespace

void add_api_commands(CLI::App& app, CommonOptions& options) {
    std::map<std::string, CLI::App*> nouns;
    for (const cli::Command& command : all_commands()) {
        CLI::App*& noun = nouns[command.noun];
        if (noun == nullptr) {
            noun = app.add_subcommand(command.noun);
            noun->group("Talk to a server");
        }
        noun->description(
            noun->get_description() + (noun->get_description().empty() ? "" : ", ") + command.verb
        );
        add_command(*noun, command, options);
    }
}

}  // namespace capstan::app
