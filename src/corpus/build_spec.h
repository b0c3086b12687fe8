#pragma once

// What a corpus build is to do, from JSON and back. README.md lists all settings with limits and defaults.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "corpus/boilerplate.h"
#include "corpus/decontaminate.h"
#include "corpus/man_list.h"
#include "corpus/near_dedup.h"
#include "corpus/normalise.h"
#include "corpus/path_reader.h"
#include "corpus/quality.h"

namespace capstan::corpus {

enum class NearDuplicates {
    kIgnore,  // Not looked for.
    kKeep,    // All kept, but on the same side of the split.
    kDrop,    // One of each group is kept.
};

struct BuildSpec {
    std::vector<std::variant<ManListSettings, PathSettings>> sources;

    // Over these limits the build ends with kTooLarge, before anything is written to out/.
    std::size_t records_max = 1'000'000;
    std::size_t text_bytes_max = std::size_t{2} << 30;

    NormaliseSettings normalise;

    bool remove_boilerplate = true;
    BoilerplateSettings boilerplate;
    std::vector<std::string> sections_removed;  // Of manual pages.

    bool filter_quality = true;
    QualityLimits quality;

    bool exact_dedup = true;
    NearDuplicates near_duplicates = NearDuplicates::kDrop;
    NearDedupSettings near_dedup;

    bool mask_pii = true;
    std::vector<std::string> pii_types;  // Empty: all.

    double heldout_fraction = 0.05;
    bool remove_contaminated = true;
    DecontaminateSettings decontaminate;

    bool pairs = true;
    std::size_t answer_bytes_max = 600;

    std::size_t seed = 1;
    std::size_t shard_bytes_max = std::size_t{8} << 20;
    std::size_t examples_max = 5;  // In the report, for each reason.
    std::size_t threads = 2;       // Changes nothing in the output.

    std::string fingerprint;  // Of the JSON it was read from: a job does not go on with another one's state.
};

// kInvalid, naming the setting, for one that is unknown, of a wrong type or out of its limits.
Result<BuildSpec> build_spec_from(const Json& json);

}  // namespace capstan::corpus
