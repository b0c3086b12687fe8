#pragma once

// The evaluation room: models compared on held-out text and questions, and gates. app/house.h builds it once.

#include <span>
#include <vector>

#include "evaluation/evaluation_routes.h"
#include "evaluation/evaluation_service.h"
#include "platform/cli/command.h"
#include "platform/sql/migrations.h"

namespace capstan::evaluation {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    explicit Room(EvaluationService::Inputs inputs) : evaluations_(std::move(inputs)) {}

    void add_routes(http::Router& router) { add_evaluation_routes(router, evaluations_); }

    EvaluationService& evaluations() { return evaluations_; }

    static std::vector<cli::Command> commands() {
        using cli::Kind;
        using cli::Place;
        return {
            {"evaluation",
             "list",
             "List evaluations",
             "GET",
             "/api/v1/evaluations",
             {},
             {{"ID", "id"},
              {"NAME", "name"},
              {"STATE", "state"},
              {"PASSED", "gate.passed"},
              {"P", "comparison.p_value"},
              {"CREATED", "created_at"}}},
            {"evaluation",
             "show",
             "Show an evaluation: metrics with intervals, the gate, sample answers",
             "GET",
             "/api/v1/evaluations/{id}",
             {{"id", "The evaluation's id", Place::kPath, Kind::kText, true}},
             {}},
        };
    }

private:
    EvaluationService evaluations_;
};

}  // namespace capstan::evaluation
