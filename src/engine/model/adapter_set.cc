#include "engine/model/adapter_set.h"

#include <utility>

#include <fmt/format.h>

namespace capstan::engine {

Result<void> AdapterSet::load(
    const std::string& name, const std::filesystem::path& directory, const ModelConfig& config
) {
    if (name.empty()) {
        return Error{ErrorCode::kInvalid, "an adapter needs a name"};
    }
    const Error taken = {
        ErrorCode::kConflict, fmt::format("an adapter named '{}' is loaded already: unload it first", name)
    };
    if (find(name)) {
        return taken;
    }
    auto adapter = Adapter::load(directory, config, precision_);  // Slow, so not under the lock.
    if (!adapter) {
        return adapter.error();
    }
    const std::scoped_lock lock(mutex_);
    if (!adapters_.emplace(name, std::move(*adapter)).second) {
        return taken;
    }
    return {};
}

Result<void> AdapterSet::unload(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    if (adapters_.erase(name) == 0) {
        return Error{ErrorCode::kNotFound, fmt::format("no adapter named '{}' is loaded", name)};
    }
    return {};
}

Result<std::shared_ptr<const Adapter>> AdapterSet::find(const std::string& name) const {
    if (name.empty()) {
        return nullptr;
    }
    const std::scoped_lock lock(mutex_);
    const auto found = adapters_.find(name);
    if (found == adapters_.end()) {
        return Error{ErrorCode::kNotFound, fmt::format("no adapter named '{}' is loaded", name)};
    }
    return found->second;
}

std::vector<std::string> AdapterSet::names() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, adapter] : adapters_) {
        names.push_back(name);
    }
    return names;
}

}  // namespace capstan::engine
