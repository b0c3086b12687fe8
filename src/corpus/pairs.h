#pragma once

// Questions with answers, made from documents: of manual pages, what NAME says a thing does and how SYNOPSIS
// says it is used; of any other text, which sentence follows another. Each pair names the record that it came
// from.

#include <cstdint>
#include <vector>

#include "corpus/drop_log.h"
#include "corpus/record.h"

namespace capstan::corpus {

struct PairSettings {
    std::size_t answer_bytes_max = 600;
    std::uint64_t seed = 1;  // Chooses among phrasings, by the record's id.
};

// Up to two pairs ("#name", "#synopsis") for a record of a manual page; none for any other. What cannot be
// made is in `dropped`.
std::vector<Pair> man_pairs(const Record& record, const PairSettings& settings, DropLog& dropped);

// Up to two pairs ("#follows-1", "#follows-2") for a record of any other text; none for a manual page. The
// question quotes a sentence, the answer is the next one.
std::vector<Pair> text_pairs(const Record& record, const PairSettings& settings, DropLog& dropped);

}  // namespace capstan::corpus
