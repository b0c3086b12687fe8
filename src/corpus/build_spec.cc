#include "corpus/build_spec.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "corpus/spec_reader.h"
#include "safety/pii.h"

namespace capstan::corpus {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
constexpr std::size_t kSourcesMax = 64;

void read_manpages(SpecReader& reader, BuildSpec& spec) {
    ManListSettings settings;
    std::vector<std::string> roots;
    reader.texts("roots", roots);
    settings.roots.assign(roots.begin(), roots.end());
    reader.integer("pages_max", settings.pages_max, {0, 1'000'000});
    reader.integer("pages_per_package_max", settings.pages_per_package_max, {1, 1'000'000});
    std::string lists = settings.package_lists.string();
    reader.text("package_lists", lists);
    settings.package_lists = lists;
    spec.sources.emplace_back(std::move(settings));
}

void read_path_source(SpecReader& reader, BuildSpec& spec) {
    PathSettings settings;
    std::string path;
    reader.text("path", path);
    if (path.empty()) {
        reader.fail("path", "is missing");
    }
    settings.path = path;
    reader.integer("text_file_bytes_max", settings.text_file_bytes_max, {1, kGiB / 4});
    reader.integer("line_bytes_max", settings.line_bytes_max, {1, kGiB / 16});
    reader.integer("files_max", settings.files_max, {1, 10'000'000});
    spec.sources.emplace_back(std::move(settings));
}

void read_sources(SpecReader& outer, BuildSpec& spec) {
    const Json& sources = outer.any("sources");
    const auto* list = sources.as_array();
    if (list == nullptr || list->empty() || list->size() > kSourcesMax) {
        return outer.fail("sources", fmt::format("must be a list of 1 to {} sources", kSourcesMax));
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
        SpecReader reader((*list)[i], fmt::format("sources[{}]", i));
        std::string type;
        reader.text("type", type);
        if (type == "manpages") {
            read_manpages(reader, spec);
        } else if (type == "path") {
            read_path_source(reader, spec);
        } else {
            reader.fail("type", R"(must be "manpages" or "path")");
        }
        outer.absorb(reader);
    }
}

void read_limits(SpecReader& outer, BuildSpec& spec) {
    SpecReader reader = outer.object("limits");
    reader.integer("records_max", spec.records_max, {1, 1'000'000});
    reader.integer("text_bytes_max", spec.text_bytes_max, {1, 2 * kGiB});
    outer.absorb(reader);
}

void read_normalise(SpecReader& outer, BuildSpec& spec) {
    SpecReader reader = outer.object("normalise");
    std::string invalid = "repair";
    reader.text("invalid_utf8", invalid);
    if (invalid != "repair" && invalid != "drop") {
        reader.fail("invalid_utf8", R"(must be "repair" or "drop")");
    }
    spec.normalise.invalid_utf8 =
        invalid == "drop" ? NormaliseSettings::InvalidUtf8::kDrop : NormaliseSettings::InvalidUtf8::kRepair;
    reader.number("invalid_fraction_max", spec.normalise.invalid_fraction_max, {0, 1});
    reader.integer("tab_columns", spec.normalise.tab_columns, {0, 32});
    reader.integer("blank_lines_max", spec.normalise.blank_lines_max, {0, 100});
    outer.absorb(reader);
}

void read_boilerplate(SpecReader& outer, BuildSpec& spec) {
    SpecReader reader = outer.object("boilerplate");
    spec.sections_removed = {
        "COLOPHON", "REPORTING BUGS", "COPYRIGHT", "LICENSE", "LICENCE", "AUTHOR", "AUTHORS", "BUG REPORTS"
    };
    std::size_t documents_min = spec.boilerplate.documents_min;
    reader.flag("enabled", spec.remove_boilerplate);
    reader.number("document_fraction_min", spec.boilerplate.document_fraction_min, {0, 1});
    reader.integer("documents_min", documents_min, {2, 1'000'000});
    reader.integer("words_min", spec.boilerplate.words_min, {1, 100});
    reader.texts("sections_removed", spec.sections_removed);
    spec.boilerplate.documents_min = documents_min;
    outer.absorb(reader);
}

void read_quality(SpecReader& outer, BuildSpec& spec) {
    SpecReader reader = outer.object("quality");
    std::string profile = "manual";
    reader.flag("enabled", spec.filter_quality);
    reader.text("profile", profile);
    if (profile != "manual" && profile != "gopher") {
        reader.fail("profile", R"(must be "manual" or "gopher")");
    }
    QualityLimits& limits = spec.quality;
    limits = profile == "gopher" ? gopher_limits() : manual_limits();
    reader.integer("words_min", limits.words_min, {0, 1e9});
    reader.integer("words_max", limits.words_max, {1, 1e9});
    reader.number("word_length_min", limits.word_length_min, {0, 1000});
    reader.number("word_length_max", limits.word_length_max, {0, 1000});
    reader.number("hashes_per_word_max", limits.hashes_per_word_max, {0, 1000});
    reader.number("ellipses_per_word_max", limits.ellipses_per_word_max, {0, 1000});
    reader.number("bullet_lines_max", limits.bullet_lines_max, {0, 1});
    reader.number("ellipsis_lines_max", limits.ellipsis_lines_max, {0, 1});
    reader.number("alphabetic_words_min", limits.alphabetic_words_min, {0, 1});
    reader.integer("stop_words_min", limits.stop_words_min, {0, 8});
    RepetitionLimits& repetition = limits.repetition;
    reader.number("duplicate_lines_max", repetition.duplicate_lines_max, {0, 1});
    reader.number("duplicate_line_characters_max", repetition.duplicate_line_characters_max, {0, 1});
    reader.number("duplicate_paragraphs_max", repetition.duplicate_paragraphs_max, {0, 1});
    reader.number(
        "duplicate_paragraph_characters_max", repetition.duplicate_paragraph_characters_max, {0, 1}
    );
    for (std::size_t i = 0; i < repetition.top_ngram_max.size(); ++i) {
        reader.number(fmt::format("top_{}_gram_max", i + 2), repetition.top_ngram_max[i], {0, 100});
    }
    for (std::size_t i = 0; i < repetition.duplicate_ngrams_max.size(); ++i) {
        const auto name = fmt::format("duplicate_{}_grams_max", i + 5);
        reader.number(name, repetition.duplicate_ngrams_max[i], {0, 100});
    }
    outer.absorb(reader);
}

void read_near_dedup(SpecReader& outer, BuildSpec& spec) {
    SpecReader reader = outer.object("near_dedup");
    std::string mode = "drop";
    reader.text("mode", mode);
    if (mode != "drop" && mode != "keep" && mode != "off") {
        reader.fail("mode", R"(must be "drop", "keep" or "off")");
    }
    spec.near_duplicates = mode == "drop"   ? NearDuplicates::kDrop
                           : mode == "keep" ? NearDuplicates::kKeep
                                            : NearDuplicates::kIgnore;
    reader.number("threshold", spec.near_dedup.threshold, {0, 1});
    MinHashSettings& minhash = spec.near_dedup.minhash;
    reader.integer("shingle_words", minhash.shingle_words, {1, 100});
    reader.integer("buckets", minhash.buckets, {1, 64});
    reader.integer("hashes_per_bucket", minhash.hashes_per_bucket, {1, 32});
    outer.absorb(reader);
}

void read_pii(SpecReader& outer, BuildSpec& spec) {
    SpecReader reader = outer.object("pii");
    reader.flag("enabled", spec.mask_pii);
    reader.texts("types", spec.pii_types);
    for (const auto& type : spec.pii_types) {
        if (const auto known = safety::parse_pii_type(type); !known) {
            reader.fail("types", "is wrong: " + known.error().message);
        }
    }
    outer.absorb(reader);
}

void read_decontaminate(SpecReader& outer, BuildSpec& spec) {
    SpecReader reader = outer.object("decontaminate");
    reader.flag("enabled", spec.remove_contaminated);
    reader.integer("ngram_words", spec.decontaminate.ngram_words, {3, 100});
    reader.number("overlap_max", spec.decontaminate.overlap_max, {0, 1});
    outer.absorb(reader);
}

}  // namespace

Result<BuildSpec> build_spec_from(const Json& json) {
    BuildSpec spec;
    SpecReader reader(json, "");
    read_sources(reader, spec);
    read_limits(reader, spec);
    read_normalise(reader, spec);
    read_boilerplate(reader, spec);
    read_quality(reader, spec);
    reader.flag("exact_dedup", spec.exact_dedup);
    read_near_dedup(reader, spec);
    read_pii(reader, spec);
    reader.number("heldout_fraction", spec.heldout_fraction, {0, 0.9});
    read_decontaminate(reader, spec);
    reader.flag("pairs", spec.pairs);
    reader.integer("answer_bytes_max", spec.answer_bytes_max, {8, 100'000});
    reader.integer("seed", spec.seed, {0, 9e15});
    reader.integer("shard_bytes_max", spec.shard_bytes_max, {1024, kGiB});
    reader.integer("examples_max", spec.examples_max, {0, 100});
    reader.integer("threads", spec.threads, {1, 64});
    if (auto finished = reader.finish(); !finished) {
        return finished.error();
    }
    spec.fingerprint = sha256_hex(json.dump());
    for (auto& source : spec.sources) {
        if (auto* pages = std::get_if<ManListSettings>(&source)) {
            pages->seed = spec.seed;
        }
    }
    return spec;
}

}  // namespace capstan::corpus
