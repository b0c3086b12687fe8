#pragma once

// Objects as files of a folder, for processes that read only files: engines, trainers, other jobs.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "platform/objects/object_store.h"

namespace capstan::objects {

struct NamedObject {
    std::filesystem::path path;  // Relative, and inside the folder: anything else is kInvalid.
    std::string id;
};

// Makes `folder` with all the files. One that is there already is used as it is: name it after what never
// changes. It appears whole or not at all, also when the process is killed.
Result<void> materialise(
    ObjectStore& store, const std::vector<NamedObject>& files, const std::filesystem::path& folder
);

// FOLDER/<id><suffix>, made when missing. For objects that many jobs read.
Result<std::filesystem::path> materialise_file(
    ObjectStore& store, const std::string& id, const std::filesystem::path& folder, std::string_view suffix
);

}  // namespace capstan::objects
