#include "app/engine_commands.h"

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/version.h"
#include "serving/engine_command.h"

namespace capstan::app {
namespace {

Result<void> parse_adapters(const std::vector<std::string>& texts, serving::EngineCommand& command) {
    for (const std::string& text : texts) {
        const std::size_t equals = text.rfind('=');
        if (equals == std::string::npos || equals == 0) {
            return Error{ErrorCode::kInvalid, "--adapter takes NAME=FOLDER; got '" + text + "'"};
        }
        command.adapters[text.substr(0, equals)] = text.substr(equals + 1);
    }
    return {};
}

// How much at one time, and how long.
void add_load_options(CLI::App& engine, serving::EngineCommand& command) {
    engine
        .add_option("--running", command.running_max, "Sequences computed together; 0: the engine's choice")
        ->check(CLI::Range(0, 4096));
    engine.add_option("--queue", command.waiting_max, "Sequences that may wait; more are answered 429")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    engine.add_option("--calls", command.calls_max, "Calls at one time; more are answered 429")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    engine.add_option("--timeout-ms", command.deadline_ms_max, "The longest that a call may take")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
}

void add_memory_options(CLI::App& engine, serving::EngineCommand& command) {
    engine.add_option("--kv-bytes", command.kv_cache_bytes, "Memory for keys and values, such as 2GB")
        ->transform(CLI::AsSizeValue(false))
        ->capture_default_str();
    engine
        .add_option(
            "--spill-bytes", command.spill_bytes, "Memory beside it for calls that must make place; 0: none"
        )
        ->transform(CLI::AsSizeValue(false))
        ->capture_default_str();
    engine.add_option("--kv-type", command.kv_type, "How keys and values are kept; i8 and i4 lose a little")
        ->check(CLI::IsMember({"f32", "f16", "i8", "i4"}))
        ->capture_default_str();
    engine
        .add_option(
            "--quantize",
            command.quantize,
            "Round the weights while they are loaded, to 8 or 4 bits with a scale for each 32"
        )
        ->check(CLI::IsMember({"int8", "int4"}));
    engine
        .add_option(
            "--adapter-bits",
            command.adapter_bits,
            "How adapters are kept: in 16 bits, or in 8, which is usual beside weights of 8 bits or less"
        )
        ->check(CLI::IsMember({8, 16}));
    engine.add_option(
        "--prefix-cache", command.prefix_cache, "Folder for beginnings of prompts that memory has no room for"
    );
    engine.add_option("--prefix-cache-bytes", command.prefix_cache_bytes, "The most that it holds")
        ->transform(CLI::AsSizeValue(false))
        ->capture_default_str();
    engine
        .add_option(
            "--grammar-cache-bytes",
            command.grammar_cache_bytes,
            "Memory for schemas and grammars made ready, kept for the next request with the same"
        )
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    engine
        .add_option(
            "--guesses", command.guesses_max, "Tokens guessed ahead for a sequence; they change no answer"
        )
        ->check(CLI::Range(0, 64))
        ->capture_default_str();
    engine.add_option(
        "--draft",
        command.draft_model,
        "Small model of the same vocabulary that guesses; else the text's own past"
    );
}

}  // namespace

void add_engine_command(CLI::App& app, CommonOptions& common) {
    auto command = std::make_shared<serving::EngineCommand>();     // Shared by the parser and the callback.
    auto adapters = std::make_shared<std::vector<std::string>>();  // The same.
    CLI::App* engine =
        app.add_subcommand("engine", "Serve one model over HTTP: OpenAI's API, and what vLLM adds to it");
    engine->add_option("--model", command->model, "Folder in Hugging Face's layout, or a GGUF file")
        ->required();
    engine->add_option(
        "--name", command->name, "What callers name in `model`; the folder's or file's name when left out"
    );
    engine->add_option("--adapter", *adapters, "NAME=FOLDER of a PEFT adapter; may be repeated");
    engine->add_option("--address", command->address, "Address to listen on");
    engine->add_option("--port", command->port, "Port; any free one when left out");
    engine->add_option("--port-file", command->port_file, "File that gets the port");
    engine->add_option("--url-file", command->url_file, "File that gets the URL, by this machine's name");
    engine->add_option("--threads", command->threads, "Threads of the engine")->check(CLI::Range(1, 256));
    engine->add_option(
        "--context",
        command->context_tokens_max,
        "Tokens of a prompt and its answer; the model's when left out"
    );
    engine
        ->add_option(
            "--pooling",
            command->pooling,
            "Serve vectors of a decoder, of its last token or the mean; "
            "its modules.json says so by itself"
        )
        ->check(CLI::IsMember({"last", "mean"}));
    add_load_options(*engine, *command);
    add_memory_options(*engine, *command);
    engine->add_flag(
        "--runtime-adapters",
        command->adapters_may_change,
        "Let callers load and drop adapters while it runs; they name folders of this machine"
    );
    engine->group("Run")->callback([&common, command, adapters] {
        common.chosen = [command, adapters]() -> Result<void> {
            auto parsed = parse_adapters(*adapters, *command);
            command->version = kVersion;
            return parsed ? serving::run_engine(*command) : parsed;
        };
    });
}

}  // namespace capstan::app
