#pragma once

// An OCI image layout (OCI Image Format Specification 1.1) in a folder: blobs by their digest, written once,
// and an index that names one image. Any container engine and registry tool reads it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::serving {

struct OciBlob {
    std::string digest;  // "sha256:…"
    std::int64_t bytes = 0;
};

struct OciImage {
    std::string tag;                // org.opencontainers.image.ref.name
    std::vector<OciBlob> layers;    // Uncompressed tars, the lowest first.
    std::vector<std::string> what;  // What each layer is, for its history.
    Json config;                    // The "config" member: Entrypoint, Env, ExposedPorts, …
    Json annotations;               // Of the manifest: texts by name.
};

class OciLayout {
public:
    // An empty folder, or one to be made. kConflict when there is something in it.
    static Result<OciLayout> create(const std::filesystem::path& folder);

    // Where a blob is written before its digest is known; adopt() gives it its name.
    std::filesystem::path blob_in_progress() const { return folder_ / "blobs" / "in-progress"; }

    Result<OciBlob> adopt(const std::filesystem::path& file);
    Result<OciBlob> put(const std::string& bytes);

    // Writes configuration, manifest and index: with the index the layout is whole. kInvalid for a tag that
    // is none.
    Result<void> finish(const OciImage& image);

private:
    explicit OciLayout(std::filesystem::path folder) : folder_(std::move(folder)) {}

    std::filesystem::path folder_;
};

}  // namespace capstan::serving
