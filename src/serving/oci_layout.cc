#include "serving/oci_layout.h"

#include <algorithm>
#include <cctype>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"

namespace capstan::serving {
namespace {

constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar";
// Nothing of when or where an image was made is in it: the same model is the same image.
constexpr std::string_view kCreated = "1970-01-01T00:00:00Z";

#if defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
constexpr std::string_view kArchitecture = "amd64";
#endif

std::string hex_of(const OciBlob& blob) {
    return blob.digest.substr(std::string_view("sha256:").size());
}

Json descriptor(std::string_view media_type, const OciBlob& blob) {
    return Json::object({{"mediaType", media_type}, {"digest", blob.digest}, {"size", blob.bytes}});
}

bool is_tag(std::string_view tag) {
    return !tag.empty() && tag.size() <= 128 && std::isalnum(static_cast<unsigned char>(tag.front())) != 0 &&
           std::ranges::all_of(tag, [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("._-").contains(c);
           });
}

Json image_config(const OciImage& image) {
    Json diff_ids = Json::array();
    Json history = Json::array();
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
        diff_ids.push(image.layers[i].digest);  // Layers are not compressed: one digest is both.
        history.push(Json::object({{"created", kCreated}, {"created_by", image.what[i]}}));
    }
    return Json::object(
        {{"created", kCreated},
         {"architecture", kArchitecture},
         {"os", "linux"},
         {"config", image.config},
         {"rootfs", Json::object({{"type", "layers"}, {"diff_ids", std::move(diff_ids)}})},
         {"history", std::move(history)}}
    );
}

}  // namespace

Result<OciLayout> OciLayout::create(const std::filesystem::path& folder) {
    std::error_code failed;
    if (std::filesystem::exists(folder, failed) && !std::filesystem::is_empty(folder, failed)) {
        return Error{
            ErrorCode::kConflict,
            "'" + folder.string() + "' is not an empty folder: name another one for the image"
        };
    }
    if (auto created = create_folders(folder / "blobs" / "sha256"); !created) {
        return created.error();
    }
    if (auto written = replace_file(folder / "oci-layout", R"({"imageLayoutVersion": "1.0.0"})"); !written) {
        return written.error();
    }
    return OciLayout(folder);
}

Result<OciBlob> OciLayout::adopt(const std::filesystem::path& file) {
    OciBlob blob;
    {
        const auto mapped = MappedFile::open(file);
        if (!mapped) {
            return mapped.error();
        }
        blob = {.digest = "sha256:" + sha256_hex(mapped->bytes()), .bytes = std::ssize(mapped->bytes())};
    }
    std::error_code failed;
    std::filesystem::rename(file, folder_ / "blobs" / "sha256" / hex_of(blob), failed);
    if (failed) {
        return Error{
            ErrorCode::kUnavailable, "'" + file.string() + "' cannot be renamed: " + failed.message()
        };
    }
    return blob;
}

Result<OciBlob> OciLayout::put(const std::string& bytes) {
    const OciBlob blob = {.digest = "sha256:" + sha256_hex(bytes), .bytes = std::ssize(bytes)};
    if (auto written = replace_file(folder_ / "blobs" / "sha256" / hex_of(blob), bytes); !written) {
        return written.error();
    }
    return blob;
}

Result<void> OciLayout::finish(const OciImage& image) {
    if (!is_tag(image.tag)) {
        return Error{
            ErrorCode::kInvalid,
            "a tag has 1 to 128 letters, digits, '.', '_' or '-' and begins with a letter or digit"
        };
    }
    const auto config = put(image_config(image).dump());
    if (!config) {
        return config.error();
    }
    Json layers = Json::array();
    for (const OciBlob& layer : image.layers) {
        layers.push(descriptor(kLayerType, layer));
    }
    const Json manifest_json = Json::object(
        {{"schemaVersion", 2},
         {"mediaType", kManifestType},
         {"config", descriptor(kConfigType, *config)},
         {"layers", std::move(layers)},
         {"annotations", image.annotations}}
    );
    const auto manifest = put(manifest_json.dump());
    if (!manifest) {
        return manifest.error();
    }
    Json entry = descriptor(kManifestType, *manifest);
    entry.set("annotations", Json::object({{"org.opencontainers.image.ref.name", image.tag}}));
    const Json index = Json::object({{"schemaVersion", 2}, {"manifests", Json::array({std::move(entry)})}});
    return replace_file(folder_ / "index.json", index.dump());
}

}  // namespace capstan::serving
