#include "app/model_commands.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

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

}  // namespace

void add_model_commands(CLI::App& app, CommonOptions& options) {
    CLI::App* model = app.get_subcommand("model");
    model->description(model->get_description() + ", package");
    add_package_command(*model, options);
}

}  // namespace capstan::app
