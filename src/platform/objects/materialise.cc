#include "platform/objects/materialise.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"

namespace capstan::objects {
namespace {

// Names come from whoever stored the files: none may leave the folder.
bool is_inside(const std::filesystem::path& path) {
    return !path.empty() && path.is_relative() &&
           std::ranges::none_of(path, [](const std::filesystem::path& part) {
               return part == ".." || part == "." || part.empty();
           });
}

Result<void> fill(
    ObjectStore& store, const std::vector<NamedObject>& files, const std::filesystem::path& folder
) {
    for (const NamedObject& file : files) {
        if (!is_inside(file.path)) {
            return Error{
                ErrorCode::kInvalid, "'" + file.path.string() + "' is no name of a file inside a folder"
            };
        }
        const auto path = folder / file.path;
        if (auto created = create_folders(path.parent_path()); !created) {
            return created;
        }
        if (auto got = store.get_file(file.id, path); !got) {
            return with_context(file.path.string(), got.error());
        }
    }
    return sync_folder(folder);
}

}  // namespace

Result<void> materialise(
    ObjectStore& store, const std::vector<NamedObject>& files, const std::filesystem::path& folder
) {
    if (std::filesystem::is_directory(folder)) {
        return {};
    }
    const auto partial = folder.parent_path() / (".incoming-" + new_id());
    if (auto created = create_folders(partial); !created) {
        return created;
    }
    auto filled = fill(store, files, partial);
    std::error_code failure;
    if (filled) {
        std::filesystem::rename(partial, folder, failure);
        filled =
            failure ? Result<void>(Error{
                          ErrorCode::kUnavailable, "cannot make " + folder.string() + ": " + failure.message()
                      })
                    : sync_folder(folder.parent_path());
    }
    if (!filled) {
        if (auto removed = remove_tree(partial); !removed) {
            log_warning(
                "folder left over", {{"path", partial.string()}, {"reason", removed.error().message}}
            );
        }
        if (std::filesystem::is_directory(folder)) {
            return {};  // Somebody else was first, with the same files.
        }
    }
    return filled;
}

Result<std::filesystem::path> materialise_file(
    ObjectStore& store, const std::string& id, const std::filesystem::path& folder, std::string_view suffix
) {
    if (!is_object_id(id)) {
        return Error{ErrorCode::kInvalid, "'" + id.substr(0, 80) + "' is no object id"};
    }
    const auto path = folder / (id + std::string(suffix));
    if (std::filesystem::is_regular_file(path)) {
        return path;
    }
    if (auto created = create_folders(folder); !created) {
        return created.error();
    }
    if (auto got = store.get_file(id, path); !got) {
        return got.error();
    }
    return path;
}

}  // namespace capstan::objects
