#include "app/house.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "platform/jobs/migrations.h"

namespace capstan::app {
namespace {

void append(std::vector<cli::Command>& all, std::vector<cli::Command> more) {
    std::ranges::move(more, std::back_inserter(all));
}

}  // namespace

struct House::Parts {
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<objects::ObjectStore> objects;
    std::unique_ptr<events::EventLog> log;
    std::unique_ptr<security::Room> security;
    std::unique_ptr<spend::Room> spend;
};

Result<std::unique_ptr<sql::Database>> open_database(const ServerSettings& settings) {
    if (auto created = create_folders(settings.home); !created) {
        return created.error();
    }
    const std::string embedded =
        "sqlite://" + std::filesystem::absolute(settings.home / "capstan.db").string();
    auto database =
        sql::Database::open({.url = settings.database.url.empty() ? embedded : settings.database.url});
    if (!database) {
        return database.error();
    }
    const auto applied = sql::migrate(
        *database,
        {platform::migrations(),
         security::migrations(),
         spend::migrations(),
         lineage::migrations(),
         data::migrations(),
         tracking::migrations(),
         registry::migrations(),
         prompts::migrations(),
         deployments::migrations(),
         observability::migrations(),
         evaluation::migrations()}
    );
    if (!applied) {
        return applied.error();
    }
    if (!applied->empty()) {
        log_info("database brought up to date", {{"migrations", applied->size()}});
    }
    return std::make_unique<sql::Database>(std::move(*database));
}

Result<std::unique_ptr<House>> House::build(const ServerSettings& settings) {
    const HomeFolders folders(settings.home);
    auto database = open_database(settings);
    if (!database) {
        return database.error();
    }
    auto objects = objects::DiskObjectStore::open_folder({.folder = folders.objects});
    if (!objects) {
        return objects.error();
    }
    auto log = events::LocalEventLog::open({.folder = folders.events});
    if (!log) {
        return log.error();
    }
    for (const events::TornTail& tail : (*log)->torn_tails()) {
        log_warning(
            "event log had a torn end, cut off", {{"segment", tail.segment.string()}, {"bytes", tail.bytes}}
        );
    }
    auto security = security::Room::open(**database);
    auto spend = spend::Room::open(**database);
    if (!security || !spend) {
        return security ? spend.error() : security.error();
    }
    return std::unique_ptr<House>(new House(
        settings,
        {std::move(*database), std::move(*objects), std::move(*log), std::move(*security), std::move(*spend)}
    ));
}

House::House(const ServerSettings& settings, Parts parts)
    : settings_(settings),
      folders_(settings.home),
      database_(std::move(parts.database)),
      objects_(std::move(parts.objects)),
      log_(std::move(parts.log)),
      jobs_({.database = *database_, .next_id = new_id, .now_ms = system_now_ms}),
      security_(std::move(parts.security)),
      spend_(std::move(parts.spend)),
      lineage_(*database_),
      data_(*database_, *objects_),
      tracking_(*database_, jobs_),
      registry_(*database_),
      prompts_(*database_),
      deployments_(*database_),
      observability_(*database_),
      curation_(
          {.database = *database_,
           .jobs = jobs_,
           .datasets = data_.datasets(),
           .lineage = lineage_.lineage(),
           .objects = *objects_,
           .program = program_path(),
           .jobs_folder = folders_.jobs}
      ),
      training_(
          {.database = *database_,
           .jobs = jobs_,
           .datasets = data_.datasets(),
           .lineage = lineage_.lineage(),
           .models = registry_.models(),
           .runs = tracking_.runs(),
           .objects = *objects_,
           .program = program_path(),
           .trainer = trainer_path(),
           .jobs_folder = folders_.jobs,
           .cache_folder = folders_.cache,
           .threads = settings_.jobs.threads}
      ),
      evaluation_(
          {.database = *database_,
           .jobs = jobs_,
           .datasets = data_.datasets(),
           .lineage = lineage_.lineage(),
           .runs = tracking_.runs(),
           .objects = *objects_,
           .next_id = new_id,
           .now_ms = system_now_ms,
           .program = program_path(),
           .cache_folder = folders_.cache}
      ),
      gateway_({.log = *log_, .spend = spend_->spend(), .io = io_, .metrics = metrics_}) {}

void House::add_room_routes() {
    security_->add_routes(router_);
    spend_->add_routes(router_);
    lineage_.add_routes(router_);
    data_.add_routes(router_);
    tracking_.add_routes(router_);
    registry_.add_routes(router_);
    prompts_.add_routes(router_);
    observability_.add_routes(router_);
    curation_.add_routes(router_);
    training_.add_routes(router_);
    evaluation_.add_routes(router_);
    gateway_.add_routes(router_);
}

std::vector<cli::Command> room_commands() {
    std::vector<cli::Command> all;
    append(all, security::Room::commands());
    append(all, spend::Room::commands());
    append(all, data::Room::commands());
    append(all, tracking::Room::commands());
    append(all, registry::Room::commands());
    append(all, prompts::Room::commands());
    append(all, observability::Room::commands());
    append(all, curation::Room::commands());
    append(all, training::Room::commands());
    append(all, evaluation::Room::commands());
    return all;
}

}  // namespace capstan::app
