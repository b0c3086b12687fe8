#include "app/completion_consumer.h"

#include <chrono>

#include "base/log.h"
#include "observability/trace_json.h"

namespace capstan::app {
namespace {

constexpr std::string_view kConsumer = "records";
constexpr std::size_t kEventsAtATime = 256;
constexpr std::int64_t kWaitMs = 250;
constexpr auto kPauseAfterFailure = std::chrono::seconds(1);

spend::LedgerEntry entry_of(const observability::Trace& trace) {
    return {
        .response_id = trace.id,
        .project_id = trace.project_id,
        .at_ms = trace.started_ms,
        .key_id = trace.key_id,
        .deployment = trace.deployment,
        .target_id = trace.target_id,
        .model = trace.model,
        .prompt_tokens = trace.prompt_tokens,
        .completion_tokens = trace.completion_tokens,
        .cost_nano_usd = trace.cost_nano_usd,
    };
}

std::vector<observability::RecordedTrace> traces_of(const std::vector<events::Event>& events) {
    std::vector<observability::RecordedTrace> traces;
    for (const events::Event& event : events) {
        const auto payload = parse_json(event.payload);
        auto trace = payload ? observability::trace_from_event(*payload)
                             : Result<observability::RecordedTrace>(payload.error());
        if (!trace) {
            log_error(
                "event passed over",
                {{"offset", event.offset}, {"type", event.type}, {"reason", trace.error().message}}
            );
            continue;
        }
        traces.push_back(std::move(*trace));
    }
    return traces;
}

}  // namespace

CompletionConsumer::CompletionConsumer(House& house) : house_(house), thread_([this] { run(); }) {}

CompletionConsumer::~CompletionConsumer() {
    stop();
}

void CompletionConsumer::stop() {
    is_stopping_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
}

void CompletionConsumer::run() {
    while (!is_stopping_) {
        consume(kWaitMs);
    }
    while (consume(0)) {
        // The rest, before the server ends.
    }
}

bool CompletionConsumer::consume(std::int64_t wait_ms) {
    const auto polled = house_.log().poll(
        {.topic = std::string(gateway::kCompletionsTopic),
         .consumer = std::string(kConsumer),
         .events_max = kEventsAtATime,
         .wait_ms = wait_ms}
    );
    if (polled && polled->events.empty()) {
        return false;
    }
    auto done = polled ? Result<void>() : Result<void>(polled.error());
    if (done) {
        const auto traces = traces_of(polled->events);
        done = house_.database().transact([&](soci::session& session) -> Result<void> {
            for (const auto& recorded : traces) {
                house_.observability().traces().record_in(session, recorded.trace, recorded.spans);
                house_.spend().spend().record_in(session, entry_of(recorded.trace));
            }
            return {};
        });
    }
    if (done) {
        done = house_.log().commit(gateway::kCompletionsTopic, kConsumer, polled->next_offset);
    }
    if (!done) {
        log_error("finished calls wait in the event log", {{"reason", done.error().message}});
        if (!is_stopping_) {
            std::this_thread::sleep_for(kPauseAfterFailure);
        }
    }
    return done.has_value();
}

}  // namespace capstan::app
