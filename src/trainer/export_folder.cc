#include "trainer/export_folder.h"

#include <cstdio>
#include <functional>
#include <system_error>

#include <fmt/format.h>

#include "base/file.h"

namespace capstan::trainer {
namespace {

namespace fs = std::filesystem;

// Lets `write` fill a folder of another name, and renames it when all is on the disk.
Result<void> publish(const fs::path& folder, const std::function<Result<void>(const fs::path&)>& write) {
    fs::path temporary = folder;
    temporary += ".tmp";
    if (auto removed = remove_tree(temporary); !removed) {
        return removed;
    }
    if (auto created = create_folders(temporary); !created) {
        return created;
    }
    if (auto written = write(temporary); !written) {
        return written;
    }
    if (auto synced = sync_folder(temporary); !synced) {
        return synced;
    }
    if (auto removed = remove_tree(folder); !removed) {
        return removed;
    }
    if (std::rename(temporary.c_str(), folder.c_str()) != 0) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format("cannot rename {}: {}", temporary.string(), std::generic_category().message(errno))
        };
    }
    return sync_folder(folder.parent_path());
}

Result<void> copy_into(const fs::path& from, const fs::path& to) {
    if (from.empty()) {
        return {};
    }
    const auto content = read_file(from);
    return content ? replace_file(to, *content) : content.error();
}

Json adapter_config(const LoraSettings& lora, const std::string& base_model) {
    return Json::object({
        {"peft_type", "LORA"},
        {"task_type", "CAUSAL_LM"},
        {"base_model_name_or_path", base_model},
        {"revision", nullptr},
        {"inference_mode", true},
        {"r", lora.rank},
        {"lora_alpha", lora.alpha},
        {"lora_dropout", lora.dropout},
        {"target_modules", Json::array_of(lora.targets)},
        {"exclude_modules", nullptr},
        {"bias", "none"},
        {"fan_in_fan_out", false},
        {"modules_to_save", nullptr},
        {"init_lora_weights", true},
        {"layers_to_transform", nullptr},
        {"layers_pattern", nullptr},
        {"layer_replication", nullptr},
        {"rank_pattern", Json::object()},
        {"alpha_pattern", Json::object()},
        {"use_rslora", lora.rank_stabilised},
        {"use_dora", false},
        {"lora_bias", false},
        {"auto_mapping", nullptr},
    });
}

}  // namespace

Result<void> export_model(const fs::path& folder, const ModelExport& model, const TensorViews& tensors) {
    return publish(folder, [&](const fs::path& temporary) -> Result<void> {
        const auto weights = write_safetensors(temporary / "model.safetensors", tensors, {{"format", "pt"}});
        if (!weights) {
            return weights.error();
        }
        const auto config = model_config(model.shape, model.end_tokens).dump_pretty();
        if (auto written = replace_file(temporary / "config.json", config); !written) {
            return written;
        }
        const auto generation = generation_config(model.shape, model.end_tokens).dump_pretty();
        if (auto written = replace_file(temporary / "generation_config.json", generation); !written) {
            return written;
        }
        if (auto copied = copy_into(model.tokenizer, temporary / "tokenizer.json"); !copied) {
            return copied;
        }
        return copy_into(model.tokenizer_config, temporary / "tokenizer_config.json");
    });
}

Result<void> export_adapter(
    const fs::path& folder,
    const LoraSettings& lora,
    const std::string& base_model,
    const TensorViews& tensors
) {
    return publish(folder, [&](const fs::path& temporary) -> Result<void> {
        TensorViews named;
        for (const auto& [name, tensor] : tensors) {
            named.emplace("base_model.model." + name, tensor);
        }
        const auto weights =
            write_safetensors(temporary / "adapter_model.safetensors", named, {{"format", "pt"}});
        if (!weights) {
            return weights.error();
        }
        return replace_file(
            temporary / "adapter_config.json", adapter_config(lora, base_model).dump_pretty()
        );
    });
}

}  // namespace capstan::trainer
