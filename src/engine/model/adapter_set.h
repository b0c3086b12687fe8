#pragma once

// The adapters that are loaded beside one base model, by name.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/adapter.h"

namespace capstan::engine {

// Thread-safe.
class AdapterSet {
public:
    // Without a precision, adapters are kept as is usual beside their model.
    explicit AdapterSet(std::optional<kernels::LoraPrecision> precision = std::nullopt)
        : precision_(precision) {}

    // kConflict when the name is taken.
    Result<void> load(
        const std::string& name, const std::filesystem::path& directory, const ModelConfig& config
    );

    // kNotFound for an unknown name. Sequences that use it go on with it.
    Result<void> unload(const std::string& name);

    // Null for the empty name; kNotFound for an unknown one.
    Result<std::shared_ptr<const Adapter>> find(const std::string& name) const;

    std::vector<std::string> names() const;

private:
    std::optional<kernels::LoraPrecision> precision_;
    mutable std::mutex mutex_;  // Guards adapters_.
    // Shared: a sequence keeps the adapter that it started with.
    std::map<std::string, std::shared_ptr<const Adapter>> adapters_;
};

}  // namespace capstan::engine
