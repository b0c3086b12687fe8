#include "serving/load_command.h"

#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "serving/load_page.h"
#include "serving/memory_watch.h"

namespace capstan::serving {
namespace {

std::string settings_line(const LoadCommand& command) {
    return fmt::format(
        "{} requests to {}, {}, lengths {}, {} shared tokens, seed {}",
        command.load.calls,
        command.target.url,
        command.load.calls_per_second > 0
            ? fmt::format("{:g} a second (Poisson)", command.load.calls_per_second)
            : "all at once",
        command.load.lengths == "fixed"
            ? fmt::format("{} + {}", command.load.fixed.prompt_tokens, command.load.fixed.completion_tokens)
            : command.load.lengths,
        command.load.shared_tokens,
        command.load.seed
    );
}

std::string record_lines(const std::vector<CallRecord>& records) {
    std::string lines;
    for (const CallRecord& record : records) {
        const Json json = Json::object(
            {{"sent_us", record.sent_us},
             {"late_us", record.late_us},
             {"pieces_us", Json::array_of(record.pieces_us)},
             {"end_us", record.end_us},
             {"prompt_tokens", record.prompt_tokens},
             {"cached_prompt_tokens", record.cached_tokens},
             {"completion_tokens", record.completion_tokens},
             {"status", record.status},
             {"error", record.error}}
        );
        lines += json.dump() + "\n";
    }
    return lines;
}

void print_row(std::string_view name, const Quantiles& quantiles) {
    fmt::print(
        "{:<24}{:>10.1f}{:>10.1f}{:>10.1f}{:>10.1f}{:>10.1f}\n",
        name,
        quantiles.mean,
        quantiles.p50,
        quantiles.p90,
        quantiles.p99,
        quantiles.max
    );
}

void print_summary(const LoadSummary& summary) {
    fmt::print(
        "requests   {} in {:.1f} s, {} failed, {:.2f} a second\n"
        "output     {:.1f} tokens a second ({} tokens)\n"
        "prompts    {} tokens, {} of them from cache\n"
        "goodput    {:.2f} requests a second ({} within the service level)\n",
        summary.calls,
        summary.seconds,
        summary.failed,
        summary.calls_per_second(),
        summary.completion_tokens_per_second(),
        summary.completion_tokens,
        summary.prompt_tokens,
        summary.cached_tokens,
        summary.good_per_second(),
        summary.good
    );
    if (summary.memory_bytes_max > 0) {
        fmt::print("memory     {:.0f} MB at most\n", static_cast<double>(summary.memory_bytes_max) / 1e6);
    }
    fmt::print(
        "\n{:<24}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "milliseconds", "mean", "p50", "p90", "p99", "max"
    );
    print_row("to the first token", summary.first_token_ms);
    print_row("a token behind it", summary.per_token_ms);
    print_row("between pieces", summary.gap_ms);
    print_row("a whole request", summary.call_ms);
    print_row("sent late by this side", summary.late_ms);
}

Result<void> write_files(
    const LoadCommand& command, const LoadSummary& summary, const std::vector<CallRecord>& records
) {
    if (!command.records_file.empty()) {
        if (auto written = replace_file(command.records_file, record_lines(records)); !written) {
            return written;
        }
    }
    if (!command.html_file.empty()) {
        const std::string html = load_page_html(
            {.title = "Load test of " + command.load.models.front(),
             .settings = settings_line(command),
             .summary = summary,
             .records = records}
        );
        return replace_file(command.html_file, html);
    }
    return {};
}

std::vector<CallRecord> measure(
    const LoadCommand& command, const std::vector<PlannedCall>& calls, std::int64_t& memory_bytes_max
) {
    const MemoryWatch watch(command.server_pid);
    const bool shows_progress = !command.prints_json && isatty(STDERR_FILENO) != 0;
    auto records = run_load(command.target, calls, [&](std::int64_t ended) {
        if (shows_progress) {
            fmt::print(stderr, "\r{} of {} requests", ended, calls.size());
        }
    });
    if (shows_progress) {
        fmt::print(stderr, "\r\033[K");
    }
    memory_bytes_max = watch.bytes_max();
    return records;
}

// One request at a time, with other prompts than the test's.
void warm_up(const LoadCommand& command, const std::vector<PlannedCall>& calls) {
    for (std::int64_t i = 0; i < command.warm_up_calls; ++i) {
        PlannedCall call = calls[static_cast<std::size_t>(i) % calls.size()];
        call.at_us = 0;
        run_load(command.target, {call}, [](std::int64_t) {});
    }
}

}  // namespace

Result<void> run_load_command(const LoadCommand& command) {
    const auto calls = plan_load(command.load);
    if (!calls) {
        return calls.error();
    }
    if (command.warm_up_calls > 0) {
        LoadOptions other = command.load;
        other.seed = ~command.load.seed;
        other.calls = command.warm_up_calls;
        if (auto warming = plan_load(other); warming) {
            warm_up(command, *warming);
        }
    }
    std::int64_t memory_bytes_max = 0;
    const auto records = measure(command, *calls, memory_bytes_max);
    LoadSummary summary = summarise(records, command.level);
    summary.memory_bytes_max = memory_bytes_max;
    if (auto written = write_files(command, summary, records); !written) {
        return written;
    }
    if (command.prints_json) {
        fmt::print("{}", summary_json(summary).dump_pretty());
    } else {
        fmt::print("{}\n\n", settings_line(command));
        print_summary(summary);
    }
    if (summary.failed == summary.calls) {
        return Error{ErrorCode::kUnavailable, "no request was answered: " + records.front().error};
    }
    return {};
}

}  // namespace capstan::serving
