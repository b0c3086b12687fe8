#pragma once

// Questions with answers, made from manual pages: what NAME says a thing does and how SYNOPSIS says it is
// used. Each pair names the record that it came from.

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

}  // namespace capstan::corpus
