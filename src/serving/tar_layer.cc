#include "serving/tar_layer.h"

#include <algorithm>
#include <memory>
#include <set>

#include <archive.h>
#include <archive_entry.h>

#include "base/file.h"

namespace capstan::serving {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

struct ArchiveFreed {
    void operator()(archive* written) const { archive_write_free(written); }
};

struct EntryFreed {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

class TarWriter {
public:
    Result<void> open(const std::filesystem::path& tar) {
        archive_write_set_format_pax_restricted(archive_.get());
        return check(archive_write_open_filename(archive_.get(), tar.c_str()));
    }

    Result<void> add_folder(const std::string& path) { return add_header(path, AE_IFDIR, 0755, 0); }

    Result<void> add_file(const LayerFile& file) {
        const auto mapped = MappedFile::open(file.source);
        if (!mapped) {
            return mapped.error();
        }
        std::string_view bytes = mapped->bytes();
        auto added = add_header(file.path, AE_IFREG, file.is_program ? 0755 : 0644, std::ssize(bytes));
        while (added && !bytes.empty()) {
            const std::string_view piece = bytes.substr(0, kPieceBytes);
            const la_ssize_t written = archive_write_data(archive_.get(), piece.data(), piece.size());
            if (written <= 0) {
                return failure();
            }
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
        return added;
    }

    Result<void> close() { return check(archive_write_close(archive_.get())); }

private:
    Result<void> add_header(const std::string& path, unsigned type, unsigned mode, std::int64_t bytes) {
        const std::unique_ptr<archive_entry, EntryFreed> entry(archive_entry_new());
        archive_entry_set_pathname(entry.get(), path.c_str());
        archive_entry_set_filetype(entry.get(), type);
        archive_entry_set_perm(entry.get(), mode);
        archive_entry_set_size(entry.get(), bytes);
        archive_entry_set_mtime(entry.get(), 0, 0);
        archive_entry_set_uid(entry.get(), 0);
        archive_entry_set_gid(entry.get(), 0);
        return check(archive_write_header(archive_.get(), entry.get()));
    }

    Result<void> check(int code) const { return code == ARCHIVE_OK ? Result<void>() : failure(); }

    Error failure() const {
        const char* reason = archive_error_string(archive_.get());
        return {
            ErrorCode::kUnavailable,
            std::string("the layer cannot be written: ") + (reason != nullptr ? reason : "")
        };
    }

    std::unique_ptr<archive, ArchiveFreed> archive_{archive_write_new()};
};

// "a/b/c": "a", "a/b".
void add_parents(const std::string& path, std::set<std::string>& folders) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        folders.insert(path.substr(0, slash));
    }
}

}  // namespace

Result<void> write_layer(const std::filesystem::path& tar, std::vector<LayerFile> files) {
    std::ranges::sort(files, {}, &LayerFile::path);
    std::set<std::string> folders;
    for (const LayerFile& file : files) {
        add_parents(file.path, folders);
    }
    TarWriter writer;
    auto done = writer.open(tar);
    for (auto folder = folders.begin(); done && folder != folders.end(); ++folder) {
        done = writer.add_folder(*folder + "/");
    }
    for (auto file = files.begin(); done && file != files.end(); ++file) {
        done = writer.add_file(*file);
        if (!done) {
            return with_context(file->path, done.error());
        }
    }
    return done ? writer.close() : done;
}

}  // namespace capstan::serving
