#include "serving/model_package.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include <link.h>

#include "serving/tar_layer.h"

namespace capstan::serving {
namespace {

constexpr std::string_view kProgramPath = "usr/bin/capstan";
constexpr std::string_view kModelFolder = "model";

// Every library of this process under the path by which the loader found it, and the loader itself.
std::vector<LayerFile> program_files() {
    std::vector<LayerFile> files = {
        {.path = std::string(kProgramPath), .source = "/proc/self/exe", .is_program = true}
    };
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* found) {
            const std::string_view path = info->dlpi_name;
            if (path.starts_with('/')) {
                static_cast<std::vector<LayerFile>*>(found)->push_back(
                    {.path = std::string(path.substr(1)), .source = path, .is_program = true}
                );
            }
            return 0;
        },
        &files
    );
    return files;
}

Error no_model(const std::filesystem::path& path) {
    return {
        ErrorCode::kInvalid, "'" + path.string() + "' is neither a GGUF file nor a folder with a config.json"
    };
}

Result<std::vector<LayerFile>> model_files(const std::filesystem::path& model) {
    std::error_code failed;
    if (!std::filesystem::exists(model, failed)) {
        return Error{ErrorCode::kNotFound, "there is no model at '" + model.string() + "'"};
    }
    const std::string inside = std::string(kModelFolder) + "/";
    if (std::filesystem::is_regular_file(model, failed)) {
        if (model.extension() != ".gguf") {
            return no_model(model);
        }
        return std::vector<LayerFile>{{.path = inside + "model.gguf", .source = model}};
    }
    if (!std::filesystem::is_regular_file(model / "config.json", failed)) {
        return no_model(model);
    }
    std::vector<LayerFile> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(model, failed)) {
        if (entry.is_regular_file(failed)) {
            files.push_back(
                {.path = inside + entry.path().lexically_relative(model).string(), .source = entry.path()}
            );
        }
    }
    return files;
}

std::string name_of(const ModelPackage& package) {
    if (!package.name.empty()) {
        return package.name;
    }
    const auto path = std::filesystem::absolute(package.model).lexically_normal();
    const auto last = path.has_filename() ? path : path.parent_path();  // "folder/" has none.
    return last.extension() == ".gguf" ? last.stem().string() : last.filename().string();
}

Json image_config(const std::string& name, bool is_gguf) {
    const std::string model = "/" + std::string(kModelFolder) + (is_gguf ? "/model.gguf" : "");
    return Json::object(
        {{"User", "65532:65532"},
         {"Entrypoint", Json::array({"/" + std::string(kProgramPath), "engine"})},
         {"Cmd", Json::array({"--model", model, "--name", name, "--address", "0.0.0.0", "--port", "8000"})},
         {"Env", Json::array({"PATH=/usr/bin"})},
         {"ExposedPorts", Json::object({{"8000/tcp", Json::object()}})},
         {"WorkingDir", "/"}}
    );
}

Result<OciBlob> add_layer(OciLayout& layout, std::vector<LayerFile> files) {
    if (auto written = write_layer(layout.blob_in_progress(), std::move(files)); !written) {
        return written.error();
    }
    return layout.adopt(layout.blob_in_progress());
}

}  // namespace

Result<PackedModel> package_model(const ModelPackage& package) {
    auto files = model_files(package.model);
    if (!files) {
        return files.error();
    }
    auto layout = OciLayout::create(package.out);
    if (!layout) {
        return layout.error();
    }
    const auto program = add_layer(*layout, program_files());
    if (!program) {
        return program.error();
    }
    const auto model = add_layer(*layout, std::move(*files));
    if (!model) {
        return model.error();
    }
    const std::string name = name_of(package);
    const OciImage image = {
        .tag = package.tag,
        .layers = {*program, *model},
        .what = {"capstan and its libraries", "the model " + name},
        .config = image_config(name, package.model.extension() == ".gguf"),
        .annotations = Json::object({{"org.opencontainers.image.title", name}}),
    };
    if (auto finished = layout->finish(image); !finished) {
        return finished.error();
    }
    return PackedModel{.program_bytes = program->bytes, .model_bytes = model->bytes, .name = name};
}

}  // namespace capstan::serving
