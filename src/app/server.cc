#include "app/server.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "app/all_routes.h"
#include "app/completion_consumer.h"
#include "app/deployment_keeper.h"
#include "app/home_lock.h"
#include "app/house.h"
#include "app/lineage_expanders.h"
#include "app/version.h"
#include "base/hash.h"
#include "base/job_directory.h"
#include "base/log.h"
#include "platform/http/server.h"
#include "platform/http/static_files.h"
#include "platform/jobs/job_runner.h"
#include "platform/jobs/local_executor.h"
#include "platform/process/process_host.h"

namespace capstan::app {
namespace {

constexpr std::int64_t kDrainMs = 10'000;
constexpr auto kStopPoll = std::chrono::milliseconds(50);
constexpr std::int64_t kFlushEveryMs = 30'000;

// Names this installation among those of the machine: the same for the same home.
std::string owner_of(const std::filesystem::path& home) {
    return "capstan-" + sha256_hex(std::filesystem::absolute(home).lexically_normal().string()).substr(0, 16);
}

Result<void> print_first_key(House& house) {
    const auto made = house.security().keys().bootstrap();
    if (!made && made.error().code == ErrorCode::kConflict) {
        return {};
    }
    if (!made) {
        return made.error();
    }
    fmt::print("The first admin key, shown this once:\n\n    {}\n\n", made->secret);
    std::fflush(stdout);
    return {};
}

http::ServerOptions server_options(House& house) {
    const HttpSettings& settings = house.settings().http;
    http::ServerOptions options{.address = settings.address, .port = settings.port};
    if (!settings.tls_certificate.empty()) {
        options.tls = http::TlsFiles{settings.tls_certificate, settings.tls_key};
    }
    options.workers = settings.workers;
    options.limits.connections_max = static_cast<std::size_t>(settings.connections_max);
    options.spool_folder = house.folders().run;
    options.has_access_log = settings.access_log;
    options.metrics = &house.metrics();
    options.io = &house.io();
    options.ready = [&house]() -> Result<void> {
        return house.database().read([](soci::session&) { return Result<void>(); });
    };
    return options;
}

void add_page(House& house) {
    const auto& asked = house.settings().http.web_folder;
    const auto web = asked.empty() ? web_folder_beside_program() : asked;
    if (web.empty()) {
        log_warning("no web page: build it with scripts/build, or set http.web_folder");
        return;
    }
    house.router().otherwise(http::static_files({.folder = web}));
}

// Until somebody asks the server to stop.
void wait_for_stop(House& house) {
    std::int64_t flushed_ms = monotonic_now_ms();
    while (!stop_requested()) {
        std::this_thread::sleep_for(kStopPoll);
        if (monotonic_now_ms() - flushed_ms > kFlushEveryMs) {
            flushed_ms = monotonic_now_ms();
            if (auto flushed = house.security().keys().flush_last_used(); !flushed) {
                log_warning("last uses of keys not written", {{"reason", flushed.error().message}});
            }
        }
    }
}

}  // namespace

Result<void> serve(const ServerSettings& settings) {
    set_log_settings(settings.log);
    catch_stop_signals();
    auto lock = lock_home(settings.home);
    if (!lock) {
        return lock.error();
    }
    // Before any other thread: the keeper of child processes is a copy of the program as it is now.
    auto host = process::ProcessHost::start({.owner = owner_of(settings.home)});
    if (!host) {
        return host.error();
    }
    auto house = House::build(settings);
    if (!house) {
        return house.error();
    }
    for (const auto& folder : {(*house)->folders().jobs, (*house)->folders().run}) {
        if (auto created = create_folders(folder); !created) {
            return created;
        }
    }
    if (auto printed = print_first_key(**house); !printed) {
        return printed;
    }
    add_lineage_expanders(**house);
    jobs::LocalExecutor executor(**host);
    auto runner = jobs::JobRunner::start(
        (*house)->jobs(),
        executor,
        {.owner = owner_of(settings.home),
         .folder = (*house)->folders().jobs,
         .parallel_max = static_cast<std::size_t>(settings.jobs.parallel_max)}
    );
    if (!runner) {
        return runner.error();
    }
    DeploymentKeeper keeper(**house, **host);
    CompletionConsumer consumer(**house);
    add_all_routes(**house, keeper, (*runner)->folders());
    add_page(**house);
    auto server = http::Server::start(server_options(**house), (*house)->router());
    if (!server) {
        return server.error();
    }
    const RunningServer running{::getpid(), (*server)->url(), rfc3339(system_now_ms())};
    if (auto written = write_running_server(settings.home, running); !written) {
        return written;
    }
    log_info(
        "server listens", {{"url", running.url}, {"home", settings.home.string()}, {"version", kVersion}}
    );
    wait_for_stop(**house);
    log_info("server stops");
    (*server)->drain(kDrainMs);
    keeper.stop();
    (*runner)->stop();
    consumer.stop();
    return {};
}

}  // namespace capstan::app
