#include "app/bench_commands.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "engine/client/model_speed.h"
#include "serving/load_command.h"

namespace capstan::app {
namespace {

void add_serve_options(CLI::App& serve, serving::LoadCommand& command) {
    serve.add_option("--server", command.target.url, "Address of any server that speaks OpenAI's API")
        ->required();
    serve.add_option("--model", command.load.models, "What to name in `model`; several are taken in turn")
        ->required();
    serve.add_option("--requests", command.load.calls, "How many requests")->capture_default_str();
    serve.add_option("--rate", command.load.calls_per_second, "Requests a second (Poisson); 0: all at once")
        ->capture_default_str();
    serve
        .add_option(
            "--lengths", command.load.lengths, "fixed, sharegpt, alpaca, or a CSV of prompt,completion tokens"
        )
        ->capture_default_str();
    serve.add_option("--prompt-tokens", command.load.fixed.prompt_tokens, "Of each, with fixed lengths")
        ->capture_default_str();
    serve
        .add_option(
            "--completion-tokens", command.load.fixed.completion_tokens, "Of each, with fixed lengths"
        )
        ->capture_default_str();
    serve
        .add_option("--tokens-max", command.load.tokens_max, "Prompt and completion together; longer are cut")
        ->capture_default_str();
    serve.add_option("--shared-tokens", command.load.shared_tokens, "First tokens that all prompts share")
        ->capture_default_str();
    serve.add_option("--seed", command.load.seed, "Of arrivals, lengths and prompts")->capture_default_str();
    serve.add_flag("--chat", command.target.is_chat, "Text to /v1/chat/completions in place of token ids");
    serve
        .add_option(
            "--under-way", command.target.under_way_max, "The most requests at a time; more are not sent"
        )
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    serve.add_option("--warm-up", command.warm_up_calls, "Requests before the test that do not count");
    serve.add_option("--first-token-ms", command.level.first_token_ms_max, "Service level for goodput");
    serve.add_option("--per-token-ms", command.level.per_token_ms_max, "Service level for goodput");
    serve.add_option("--server-pid", command.server_pid, "Process on this machine whose memory is watched");
    serve.add_option("--html", command.html_file, "File for a page with plots");
    serve.add_option("--records", command.records_file, "File for a JSON line a request");
}

void add_serve_command(CLI::App& bench, CommonOptions& options) {
    // Shared by the parser, which fills it, and the callback, which reads it.
    auto command = std::make_shared<serving::LoadCommand>();
    CLI::App* serve = bench.add_subcommand(
        "serve", "Load a server as its users would (open loop) and report latency, throughput and goodput"
    );
    add_serve_options(*serve, *command);
    serve->callback([&options, command] {
        options.chosen = [&options, command] {
            command->prints_json = options.json;
            command->target.key = options.key;
            return serving::run_load_command(*command);
        };
    });
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

Json speed_json(const engine::ModelSpeed& speed) {
    Json decode = Json::array();
    for (const engine::DecodeSpeed& one : speed.decode) {
        decode.push(Json::object(
            {{"streams", one.streams}, {"tokens_per_second", Json::array_of(one.tokens_per_second)}}
        ));
    }
    return Json::object(
        {{"load_seconds", speed.load_seconds},
         {"weight_bytes", speed.weight_bytes},
         {"prefill_tokens_per_second", Json::array_of(speed.prefill_tokens_per_second)},
         {"decode", std::move(decode)},
         {"read_bytes_per_second", Json::array_of(speed.read_bytes_per_second)}}
    );
}

void print_speed(const engine::ModelSpeed& speed) {
    const double read = median(speed.read_bytes_per_second);
    fmt::print(
        "loaded in {:.2f} s; {:.0f} MB of weights; memory reads {:.1f} GB/s\n",
        speed.load_seconds,
        static_cast<double>(speed.weight_bytes) / 1e6,
        read / 1e9
    );
    fmt::print("prefill      {:>10.1f} tokens/s\n", median(speed.prefill_tokens_per_second));
    for (const engine::DecodeSpeed& decode : speed.decode) {
        const double tokens = median(decode.tokens_per_second);
        const double bytes =
            tokens / static_cast<double>(decode.streams) * static_cast<double>(speed.weight_bytes);
        fmt::print(
            "decode x {:<3} {:>10.1f} tokens/s   weights read at {:.1f} GB/s, {:.2f} of memory's\n",
            decode.streams,
            tokens,
            bytes / 1e9,
            bytes / read
        );
    }
}

void add_engine_command(CLI::App& bench, CommonOptions& options) {
    auto asked = std::make_shared<engine::SpeedOptions>();  // Shared as above.
    CLI::App* command = bench.add_subcommand("engine", "Tokens a second of a model, below any server");
    command->add_option("model", asked->model, "Folder in Hugging Face's layout, or a GGUF file")->required();
    command->add_option("--threads", asked->threads, "Threads")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    command->add_option("--prompt-tokens", asked->prompt_tokens, "Of the prompt that is prefilled")
        ->capture_default_str();
    command->add_option("--decode-tokens", asked->decode_tokens, "Of each sequence that is decoded")
        ->capture_default_str();
    command
        ->add_option(
            "--streams", asked->streams, "How many sequences decode together; several are measured in turn"
        )
        ->delimiter(',')
        ->capture_default_str();
    command->add_option("--repeats", asked->repeats, "Of each; medians are shown")->capture_default_str();
    command->callback([&options, asked] {
        options.chosen = [&options, asked]() -> Result<void> {
            const auto speed = engine::measure_speed(*asked);
            if (!speed) {
                return speed.error();
            }
            if (options.json) {
                fmt::print("{}", speed_json(*speed).dump_pretty());
            } else {
                print_speed(*speed);
            }
            return {};
        };
    });
}

}  // namespace

void add_bench_commands(CLI::App& app, CommonOptions& options) {
    CLI::App* bench = app.add_subcommand("bench", "Measure servers and models");
    bench->require_subcommand(1);
    bench->group("Run");
    add_serve_command(*bench, options);
    add_engine_command(*bench, options);
}

}  // namespace capstan::app
