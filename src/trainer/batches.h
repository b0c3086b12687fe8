#pragma once

// Which tokens each batch of a run holds: a pure function of the data, the seed and the batch's number, so
// that the position in the data is one integer and resuming is exact.
//
// Documents: one stream, cut into windows of sequence_tokens; each epoch goes through all windows in a new
// order. Conversations: each is a row of its own, padded on the right to the longest of its batch (causal
// attention never looks there); an epoch shuffles them, and puts those of similar length together.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "trainer/spec.h"
#include "trainer/token_file.h"

namespace capstan::trainer {

inline constexpr std::int64_t kIgnoredLabel = -100;  // As in PyTorch's cross entropy.

struct Batch {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::vector<std::int64_t> inputs;  // [rows, columns]
    std::vector<std::int64_t> labels;  // [rows, columns], already shifted: what follows each input.
    std::int64_t learnt_tokens = 0;    // Labels that are not ignored.
};

class BatchSource {
public:
    // `file` must outlive this. kInvalid when there is too little data for one row.
    static Result<BatchSource> make(const TokenFile& file, const BatchSettings& settings, std::uint64_t seed);

    Batch batch(std::int64_t index);  // Of `sequences` rows; fewer at the end of an epoch of conversations.

    std::int64_t batches_per_epoch() const;

    // At most `sequences_max` rows, spread evenly over the data: the same at every call.
    std::vector<Batch> sample(std::int64_t sequences_max) const;

private:
    BatchSource(const TokenFile& file, const BatchSettings& settings, std::uint64_t seed)
        : file_(file), settings_(settings), seed_(seed) {}

    const TokenFile& file_;
    BatchSettings settings_;
    std::uint64_t seed_;
    std::size_t sequences_ = 0;  // Windows or conversations.
    std::int64_t epoch_ = -1;    // That `order_` is of.
    std::vector<std::uint32_t> order_;

    void prepare_epoch(std::int64_t epoch);
    std::vector<std::uint32_t> order_by_length(std::uint64_t seed) const;
    std::span<const std::uint32_t> sequence(std::size_t index) const;
    Batch assemble(std::span<const std::uint32_t> indices) const;
};

}  // namespace capstan::trainer
