#pragma once

// A command of the CLI that is one call of the HTTP API, as data: noun, verb, what goes where, and which
// columns come back. Each room lists its own; app/cli turns them into a command line. What is more than one
// call is code in app.

#include <string>
#include <vector>

#include "base/json.h"

namespace capstan::cli {

enum class Place { kPath, kQuery, kBody };
enum class Kind { kText, kInteger, kReal, kFlag, kJson };  // kJson: JSON text, or @FILE that holds it.

struct Parameter {
    std::string name;  // The {name} in the path, the query's name, or the body's member.
    std::string help;
    Place place = Place::kBody;
    Kind kind = Kind::kText;
    bool required =
        false;  // A required parameter is positional, in the order of the list; others are --name VALUE.
};

struct Column {
    std::string title;
    std::string path;  // Members from the item down, joined by dots: "latest_commit.records".
};

struct Command {
    std::string noun;  // "run"
    std::string verb;  // "list"
    std::string help;
    std::string method;  // "GET"
    std::string path;    // "/api/v1/runs/{id}"
    std::vector<Parameter> parameters;
    std::vector<Column> columns;  // Of the items of a list; none: the answer is printed member by member.
    std::string (*render)(const Json& answer) = nullptr;  // For people, when that is not enough.
};

}  // namespace capstan::cli
