#include "app/model_commands.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/loss_command.h"
#include "engine/client/calibration.h"
#include "engine/client/model_card.h"
#include "engine/client/model_loss.h"
#include "engine/client/quantise_folder.h"
#include "engine/client/quantise_model.h"
#include "engine/client/sample_text.h"
#include "serving/model_package.h"

namespace capstan::app {
namespace {

Result<void> package(const serving::ModelPackage& command, bool prints_json) {
    const auto packed = serving::package_model(command);
    if (!packed) {
        return packed.error();
    }
    if (prints_json) {
        const Json json = Json::object(
            {{"image", command.out.string()},
             {"tag", command.tag},
             {"name", packed->name},
             {"program_bytes", packed->program_bytes},
             {"model_bytes", packed->model_bytes}}
        );
        fmt::print("{}", json.dump_pretty());
        return {};
    }
    fmt::print(
        "{}: image '{}', which serves '{}' on port 8000 ({} MB of program, {} MB of model)\n"
        "for example: skopeo copy oci:{}:{} docker-daemon:{}:{}\n",
        command.out.string(),
        command.tag,
        packed->name,
        packed->program_bytes >> 20,
        packed->model_bytes >> 20,
        command.out.string(),
        command.tag,
        packed->name,
        command.tag
    );
    return {};
}

void add_package_command(CLI::App& model, CommonOptions& options) {
    // Shared by the parser, which fills it, and the callback, which reads it.
    auto command = std::make_shared<serving::ModelPackage>();
    CLI::App* verb = model.add_subcommand(
        "package", "Write a container image (OCI layout) of a model and the program that serves it"
    );
    verb->add_option("model", command->model, "Folder in Hugging Face's layout, or a GGUF file")->required();
    verb->add_option("out", command->out, "Folder for the image; not there, or empty")->required();
    verb->add_option(
        "--name", command->name, "What callers name in `model`; the folder's name when left out"
    );
    verb->add_option("--tag", command->tag, "The image's tag")->capture_default_str();
    verb->group("Verbs")->callback([&options, command] {
        options.chosen = [&options, command] { return package(*command, options.json); };
    });
}

struct QuantiseCommand {
    engine::QuantiseModel model;
    std::string type;
    std::string text_file;
    std::string method = "rtn";
    std::string calibration_file;
    std::int64_t tokens_max = 4'096;  // Of either text.
};

// What the new file lost on the text; nothing without a text.
Result<std::optional<engine::ModelLoss>> loss_of(const QuantiseCommand& command) {
    if (command.text_file.empty()) {
        return std::optional<engine::ModelLoss>();
    }
    auto text = engine::read_sample_text(command.text_file);
    if (!text) {
        return text.error();
    }
    auto loss = engine::measure_loss({
        .source = command.model.source,
        .made = command.model.out,
        .text = std::move(*text),
        .threads = command.model.threads,
        .tokens_max = command.tokens_max,
    });
    if (!loss) {
        return with_context("the file is written, but its loss cannot be measured", loss.error());
    }
    const engine::QuantisationCard card = {
        .type = command.type,
        .method = command.method,
        .source = command.model.source.filename().string(),
        .loss = *loss
    };
    if (auto good = engine::write_card(command.model.out, card); !good) {
        return with_context("the model is written, but its loss is not noted in it", good.error());
    }
    return std::optional(*loss);
}

void print_quantised(
    const QuantiseCommand& command,
    const engine::QuantisedModel& made,
    const std::optional<engine::ModelLoss>& loss
) {
    fmt::print(
        "{}: {:.1f} MB of tensors in place of {:.1f} MB; {} of {} tensors changed\n",
        command.model.out.string(),
        static_cast<double>(made.bytes) / 1e6,
        static_cast<double>(made.source_bytes) / 1e6,
        made.quantised_tensors,
        made.tensors
    );
    if (loss) {
        print_loss(*loss);
    }
}

bool is_for_folders(const std::string& type) {
    return type == "int8" || type == "int4";
}

// Reads the calibration text that awq and gptq look at, and for awq what the source's matrices are given on
// it.
Result<void> calibrate(QuantiseCommand& command) {
    if (command.method == "rtn") {
        return {};
    }
    auto text = engine::read_sample_text(command.calibration_file);
    if (!text) {
        return text.error();
    }
    engine::CalibrationOptions options = {
        .model = command.model.source,
        .text = std::move(*text),
        .threads = command.model.threads,
        .tokens_max = command.tokens_max,
    };
    if (command.method == "gptq") {
        command.model.gptq = std::move(options);
        return {};
    }
    auto inputs = engine::calibrate(options);
    if (!inputs) {
        return inputs.error();
    }
    command.model.inputs = std::move(*inputs);
    return {};
}

Result<engine::QuantisedModel> write_quantised(const QuantiseCommand& command) {
    if (is_for_folders(command.type)) {
        return engine::quantise_folder({
            .source = command.model.source,
            .out = command.model.out,
            .bits = command.type == "int8" ? 8 : 4,
            .threads = command.model.threads,
            .inputs = command.model.inputs,
            .gptq = command.model.gptq,
        });
    }
    return engine::quantise_model(command.model);
}

Result<void> quantise(QuantiseCommand command, bool prints_json) {
    if (auto good = calibrate(command); !good) {
        return with_context("calibration", good.error());
    }
    const auto made = write_quantised(command);
    if (!made) {
        return made.error();
    }
    const auto loss = loss_of(command);
    if (!loss) {
        return loss.error();
    }
    if (!prints_json) {
        print_quantised(command, *made, *loss);
        return {};
    }
    Json json = Json::object(
        {{"file", command.model.out.string()},
         {"source_bytes", made->source_bytes},
         {"bytes", made->bytes},
         {"tensors", made->tensors},
         {"quantised_tensors", made->quantised_tensors},
         {"scaled_tensors", made->scaled_tensors},
         {"gptq_tensors", made->gptq_tensors}}
    );
    if (*loss) {
        json.set("loss", json_of(**loss));
    }
    fmt::print("{}", json.dump_pretty());
    return {};
}

Result<void> check_method(const QuantiseCommand& command) {
    if ((command.method == "rtn") != command.calibration_file.empty()) {
        return Error{ErrorCode::kInvalid, "--method awq or gptq and --calibration belong together"};
    }
    constexpr std::string_view kGptqTypes[] = {"q4_0", "q8_0", "int4", "int8"};
    if (command.method == "gptq" && std::ranges::find(kGptqTypes, command.type) == std::end(kGptqTypes)) {
        return Error{ErrorCode::kInvalid, "gptq rounds to q4_0, q8_0, int4 or int8"};
    }
    return {};
}

// Of GGUF files first.
std::vector<std::string> types_to_write() {
    return {
        "q8_0",
        "q6_k",
        "q5_k",
        "q5_1",
        "q5_0",
        "q4_k",
        "q4_1",
        "q4_0",
        "mxfp4",
        "f32",
        "bf16",
        "f16",
        "int8",
        "int4"
    };
}

// "q4_k" is the mixture of types that llama.cpp calls Q4_K_M.
engine::Mixture mixture_named(std::string type) {
    type += type == "q4_k" || type == "q5_k" ? "_m" : "";
    std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::toupper(c); });
    return engine::parse_mixture(type).value();
}

// A folder and a file are told apart by their names, before anything is written.
Result<void> check_output(const QuantiseCommand& command) {
    const std::string out = command.model.out.string();
    const bool is_file = command.model.out.extension() == ".gguf";
    if (is_for_folders(command.type) && is_file) {
        return Error{
            ErrorCode::kInvalid, fmt::format("'{}': {} makes a folder, not a GGUF file", out, command.type)
        };
    }
    std::error_code ignored;
    if (!is_for_folders(command.type) && (!is_file || std::filesystem::is_directory(out, ignored))) {
        return Error{ErrorCode::kInvalid, fmt::format("'{}': name a file that ends in .gguf", out)};
    }
    return {};
}

void add_convert_command(CLI::App& model, CommonOptions& options) {
    auto command = std::make_shared<QuantiseCommand>();  // Shared as above.
    command->model.mixture = std::nullopt;
    CLI::App* verb = model.add_subcommand(
        "convert", "Write a model as one GGUF file, with the weights' types as they are"
    );
    verb->add_option(
            "in", command->model.source, "Folder in Hugging Face's layout, or the first of several pieces"
    )
        ->required();
    verb->add_option("out", command->model.out, "GGUF file to be written")->required();
    verb->group("Verbs")->callback([&options, command] {
        options.chosen = [&options, command] {
            const auto good = check_output(*command);
            return good ? quantise(*command, options.json) : good;
        };
    });
}

void add_quantize_command(CLI::App& model, CommonOptions& options) {
    auto command = std::make_shared<QuantiseCommand>();  // Shared as above.
    CLI::App* verb =
        model.add_subcommand("quantize", "Write a model's weights in fewer bits, as a GGUF file or a folder");
    verb->add_option("in", command->model.source, "GGUF file, or folder in Hugging Face's layout")
        ->required();
    verb->add_option("out", command->model.out, "GGUF file to be written, or folder, not there or empty")
        ->required();
    verb->add_option(
            "--type",
            command->type,
            "GGUF file: q8_0, q6_k, q5_k and q4_k (as llama.cpp's Q5_K_M, Q4_K_M), q5_1, q5_0, q4_1, q4_0, "
            "mxfp4, "
            "f32, f16, bf16; folder: int8, int4"
    )
        ->required()
        ->check(CLI::IsMember(types_to_write()));
    verb->add_option(
        "--text",
        command->text_file,
        "Text, or .jsonl of {\"text\"}, on which the loss beside the source is measured and noted in the "
        "output"
    );
    verb->add_option(
        "--calibration",
        command->calibration_file,
        "Text, or .jsonl, on which awq and gptq see what matters; not that of --text"
    );
    verb->add_option(
            "--method",
            command->method,
            "rtn: to nearest; awq: activation-aware scales; gptq: columns make up for each other's loss "
            "(q4_0, "
            "q8_0, int4, int8). The last two with --calibration"
    )
        ->check(CLI::IsMember({"rtn", "awq", "gptq"}))
        ->capture_default_str();
    verb->add_option("--tokens-max", command->tokens_max, "Of either text")
        ->check(CLI::Range(2, 1 << 24))
        ->capture_default_str();
    verb->add_option("--threads", command->model.threads, "Threads")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    verb->group("Verbs")->callback([&options, command] {
        options.chosen = [&options, command]() -> Result<void> {
            if (auto good = check_method(*command); !good) {
                return good;
            }
            if (auto good = check_output(*command); !good) {
                return good;
            }
            if (!is_for_folders(command->type)) {
                command->model.mixture = mixture_named(command->type);
            }
            return quantise(*command, options.json);
        };
    });
}

}  // namespace

void add_model_commands(CLI::App& app, CommonOptions& options) {
    CLI::App* model = app.get_subcommand("model");
    model->description(model->get_description() + ", convert, loss, package, quantize");
    add_convert_command(*model, options);
    add_package_command(*model, options);
    add_quantize_command(*model, options);
    add_loss_command(*model, options);
}

}  // namespace capstan::app
