#include "serving/served_model.h"

namespace capstan::serving {

Result<std::string> ServedModel::adapter_of(const std::string& model) const {
    if (model == parts_.name) {
        return std::string();
    }
    const std::scoped_lock lock(mutex_);
    const auto found = parts_.adapters.find(model);
    if (found == parts_.adapters.end()) {
        return Error{ErrorCode::kNotFound, "this engine serves no model '" + model.substr(0, 100) + "'"};
    }
    return found->second;
}

std::vector<std::string> ServedModel::adapter_names() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, adapter] : parts_.adapters) {
        names.push_back(name);
    }
    return names;
}

void ServedModel::add_adapter(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    parts_.adapters[name] = name;
}

void ServedModel::remove_adapter(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    parts_.adapters.erase(name);
}

}  // namespace capstan::serving
