#pragma once

// All rooms, built in the order in which they depend on each other and taken down in the reverse: the
// composition of the server.

#include <filesystem>
#include <memory>

#include "app/settings.h"
#include "base/result.h"
#include "curation/room.h"
#include "data/room.h"
#include "deployments/room.h"
#include "evaluation/room.h"
#include "gateway/room.h"
#include "lineage/room.h"
#include "observability/room.h"
#include "platform/events/local_event_log.h"
#include "platform/http/io_threads.h"
#include "platform/http/metrics.h"
#include "platform/http/router.h"
#include "platform/jobs/job_service.h"
#include "platform/objects/disk_object_store.h"
#include "platform/sql/database.h"
#include "prompts/room.h"
#include "registry/room.h"
#include "security/room.h"
#include "spend/room.h"
#include "tracking/room.h"
#include "training/room.h"

namespace capstan::app {

// Where things are in a home.
struct HomeFolders {
    explicit HomeFolders(const std::filesystem::path& home)
        : root(home),
          objects(home / "objects"),
          events(home / "events"),
          jobs(home / "jobs"),
          models(home / "models"),
          cache(home / "cache"),
          run(home / "run") {}

    std::filesystem::path root, objects, events, jobs, models, cache, run;
};

class House {
public:
    // Opens the database (and brings it up to date), the objects and the event log. kConflict when another
    // process has the home.
    static Result<std::unique_ptr<House>> build(const ServerSettings& settings);

    // The routes of all rooms; not those of app itself.
    void add_room_routes();

    const ServerSettings& settings() const { return settings_; }

    const HomeFolders& folders() const { return folders_; }

    http::Router& router() { return router_; }

    http::MetricRegistry& metrics() { return metrics_; }

    http::IoThreads& io() { return io_; }

    sql::Database& database() { return *database_; }

    objects::ObjectStore& objects() { return *objects_; }

    events::EventLog& log() { return *log_; }

    jobs::JobService& jobs() { return jobs_; }

    security::Room& security() { return *security_; }

    spend::Room& spend() { return *spend_; }

    lineage::Room& lineage() { return lineage_; }

    data::Room& data() { return data_; }

    tracking::Room& tracking() { return tracking_; }

    registry::Room& registry() { return registry_; }

    deployments::Room& deployments() { return deployments_; }

    observability::Room& observability() { return observability_; }

    evaluation::Room& evaluation() { return evaluation_; }

    gateway::Room& gateway() { return gateway_; }

private:
    struct Parts;
    House(const ServerSettings& settings, Parts parts);

    ServerSettings settings_;
    HomeFolders folders_;
    http::MetricRegistry metrics_;
    http::IoThreads io_;
    http::Router router_;
    std::unique_ptr<sql::Database> database_;
    std::unique_ptr<objects::ObjectStore> objects_;
    std::unique_ptr<events::EventLog> log_;
    jobs::JobService jobs_;
    std::unique_ptr<security::Room> security_;
    std::unique_ptr<spend::Room> spend_;
    lineage::Room lineage_;
    data::Room data_;
    tracking::Room tracking_;
    registry::Room registry_;
    prompts::Room prompts_;
    deployments::Room deployments_;
    observability::Room observability_;
    curation::Room curation_;
    training::Room training_;
    evaluation::Room evaluation_;
    gateway::Room gateway_;
};

// Opens the database of a home and applies what migrations are missing.
Result<std::unique_ptr<sql::Database>> open_database(const ServerSettings& settings);

// The commands of all rooms, for the command line.
std::vector<cli::Command> room_commands();

}  // namespace capstan::app
