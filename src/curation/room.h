#pragma once

// The curation room: from sources to dataset commits, by jobs. app/house.h builds it once.

#include <vector>

#include "curation/curation_routes.h"
#include "curation/curation_service.h"
#include "platform/cli/command.h"

namespace capstan::curation {

class Room {
public:
    explicit Room(CurationService::Inputs inputs) : curations_(std::move(inputs)) {}

    void add_routes(http::Router& router) { add_curation_routes(router, curations_); }

    static std::vector<cli::Command> commands() {
        using cli::Kind;
        using cli::Place;
        return {
            {"curation",
             "start",
             "Build a dataset from sources, as a job",
             "POST",
             "/api/v1/curations",
             {{"name", "The dataset's name", Place::kBody, Kind::kText, true},
              {"spec",
               "JSON of the settings (src/corpus/README.md); @FILE reads it from a file",
               Place::kBody,
               Kind::kJson,
               true}},
             {}},
        };
    }

private:
    CurationService curations_;
};

}  // namespace capstan::curation
