#pragma once

// Reads a JSON object of settings strictly: each member within its limits, none unknown. Errors name the
// member by its path ("near_dedup.threshold").

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::corpus {

class SpecReader {
public:
    // `path` is what errors call the object; empty for the outermost.
    SpecReader(const Json& json, std::string path);

    struct Range {
        double min;
        double max;
    };

    // Each sets `value` when the member is there; what it was before is the default.
    void number(std::string_view name, double& value, Range range);
    void integer(std::string_view name, std::size_t& value, Range range);
    void flag(std::string_view name, bool& value);
    void text(std::string_view name, std::string& value);
    void texts(std::string_view name, std::vector<std::string>& values);

    // The member as an object of its own, or an empty one.
    SpecReader object(std::string_view name);
    const Json& any(std::string_view name);  // Whatever is there; its reader checks it.

    void fail(std::string_view name, std::string_view problem);
    void absorb(const SpecReader& inner);  // Takes over the error of an inner reader.

    // The first error; otherwise an error for a member that nothing asked for.
    Result<void> finish() const;

private:
    std::string path_of(std::string_view name) const;

    const Json& json_;
    std::string path_;
    std::set<std::string, std::less<>> known_;
    std::string problem_;
};

}  // namespace capstan::corpus
