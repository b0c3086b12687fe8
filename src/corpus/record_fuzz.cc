// A file of JSON lines from outside, read as a source and taken through every step that looks at its text.

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/utf8.h"
#include "corpus/boilerplate.h"
#include "corpus/minhash.h"
#include "corpus/normalise.h"
#include "corpus/pairs.h"
#include "corpus/path_reader.h"
#include "corpus/quality.h"
#include "corpus/words.h"

namespace {

using namespace capstan;          // NOLINT(google-build-using-namespace)
using namespace capstan::corpus;  // NOLINT(google-build-using-namespace)

void look_at_text(const std::string& given) {
    const auto text = normalise(given, {.invalid_fraction_max = 1.0});
    CHECK(text && is_utf8(*text), "normalised text is not UTF-8");
    CHECK(normalise(*text, {}) == *text, "normalising is not idempotent");
    const std::string simple = simplify(*text);
    CHECK(is_utf8(simple), "simplified text is not UTF-8");
    static const MinHash kMinHash({.buckets = 2});
    const auto signature = kMinHash.signature(shingle_hashes(split_words(simple), 5));
    CHECK(signature.empty() || signature.size() == 16, "a signature has a wrong size");
    CHECK(quality_fault(*text, manual_limits()).size() < 40, "a fault has a name");
    const BoilerplateSettings settings{.document_fraction_min = 0, .documents_min = 1};
    LineFrequencies frequencies(settings);
    frequencies.add(line_hashes(*text, settings));
    CHECK(without_boilerplate(*text, frequencies, settings).text.size() <= text->size(), "text grew");
}

void look_at_record(Record record) {
    const auto again = record_from(*parse_json(to_line(record)));
    CHECK(again && to_line(*again) == to_line(record), "a record does not come back");
    look_at_text(record.text);
    record.source.set("kind", "manpage");
    DropLog dropped(1);
    for (const auto& pair : man_pairs(record, {}, dropped)) {
        CHECK(pair_from(*parse_json(to_line(pair))).has_value(), "a pair does not come back");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // In memory: a disk would be most of the time.
    static const std::filesystem::path kFile =
        "/dev/shm/record-fuzz-" + std::to_string(::getpid()) + ".jsonl";
    {
        auto fd = open_file(kFile, O_WRONLY | O_CREAT | O_TRUNC);
        CHECK(fd && write_all(fd->get(), {reinterpret_cast<const char*>(data), size}, kFile), "no file");
    }
    DropLog dropped(2);
    const auto read =
        read_path({.path = kFile, .line_bytes_max = 4096}, dropped, [](Item item) -> Result<void> {
            if (auto* record = std::get_if<Record>(&item)) {
                look_at_record(std::move(*record));
            }
            return {};
        });
    CHECK(read, "a source's content ended the reading");
    look_at_text({reinterpret_cast<const char*>(data), size});
    return 0;
}
