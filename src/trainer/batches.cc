#include "trainer/batches.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "trainer/random_order.h"

namespace capstan::trainer {
namespace {

// Conversations are sorted by length within so many batches: little padding, and still a random order.
constexpr std::size_t kSortedBatches = 16;

}  // namespace

Result<BatchSource> BatchSource::make(
    const TokenFile& file, const BatchSettings& settings, std::uint64_t seed
) {
    BatchSource source(file, settings, seed);
    const auto window = static_cast<std::size_t>(settings.sequence_tokens);
    source.sequences_ = file.kind() == RecordKind::kChats ? file.records()
                        : file.tokens().empty()           ? 0
                                                          : (file.tokens().size() - 1) / window;
    if (source.sequences_ == 0) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "{} tokens are too few for one sequence of {}; give more data or a smaller "
                "batch.sequence_tokens",
                file.tokens().size(),
                settings.sequence_tokens
            )
        };
    }
    return source;
}

std::int64_t BatchSource::batches_per_epoch() const {
    const auto rows = static_cast<std::size_t>(settings_.sequences);
    return static_cast<std::int64_t>((sequences_ + rows - 1) / rows);
}

Batch BatchSource::batch(std::int64_t index) {
    prepare_epoch(index / batches_per_epoch());
    const auto rows = static_cast<std::size_t>(settings_.sequences);
    const std::size_t begin = static_cast<std::size_t>(index % batches_per_epoch()) * rows;
    return assemble(std::span(order_).subspan(begin, std::min(rows, order_.size() - begin)));
}

std::vector<Batch> BatchSource::sample(std::int64_t sequences_max) const {
    const std::size_t count = std::min(static_cast<std::size_t>(sequences_max), sequences_);
    std::vector<std::uint32_t> chosen(count);
    for (std::size_t i = 0; i < count; ++i) {
        chosen[i] = static_cast<std::uint32_t>(i * sequences_ / count);
    }
    std::ranges::sort(chosen, {}, [&](std::uint32_t i) { return std::pair(sequence(i).size(), i); });
    std::vector<Batch> batches;
    const auto rows = static_cast<std::size_t>(settings_.sequences);
    for (std::size_t begin = 0; begin < count; begin += rows) {
        batches.push_back(assemble(std::span(chosen).subspan(begin, std::min(rows, count - begin))));
    }
    return batches;
}

void BatchSource::prepare_epoch(std::int64_t epoch) {
    if (epoch == epoch_) {
        return;
    }
    const std::uint64_t seed = mix_seed(seed_, static_cast<std::uint64_t>(epoch));
    order_ = file_.kind() == RecordKind::kChats ? order_by_length(seed) : random_order(sequences_, seed);
    epoch_ = epoch;
}

std::vector<std::uint32_t> BatchSource::order_by_length(std::uint64_t seed) const {
    auto order = random_order(sequences_, seed);
    const auto rows = static_cast<std::size_t>(settings_.sequences);
    for (std::size_t begin = 0; begin < order.size(); begin += rows * kSortedBatches) {
        const auto end = std::min(order.size(), begin + rows * kSortedBatches);
        std::ranges::sort(std::span(order).subspan(begin, end - begin), {}, [&](std::uint32_t i) {
            return std::pair(sequence(i).size(), i);
        });
    }
    // Whole batches in random order; a smaller one stays last.
    std::vector<std::uint32_t> shuffled;
    shuffled.reserve(order.size());
    for (const std::uint32_t batch : random_order(order.size() / rows, mix_seed(seed, 1))) {
        const auto begin = order.begin() + static_cast<std::ptrdiff_t>(batch * rows);
        shuffled.insert(shuffled.end(), begin, begin + static_cast<std::ptrdiff_t>(rows));
    }
    shuffled.insert(
        shuffled.end(), order.begin() + static_cast<std::ptrdiff_t>(shuffled.size()), order.end()
    );
    return shuffled;
}

// The inputs and, one further, the last label.
std::span<const std::uint32_t> BatchSource::sequence(std::size_t index) const {
    if (file_.kind() == RecordKind::kChats) {
        return file_.record(index);
    }
    const auto window = static_cast<std::size_t>(settings_.sequence_tokens);
    return file_.tokens().subspan(index * window, window + 1);
}

Batch BatchSource::assemble(std::span<const std::uint32_t> indices) const {
    std::size_t longest = 2;
    for (const std::uint32_t index : indices) {
        longest = std::max(longest, sequence(index).size());
    }
    Batch batch;
    batch.rows = static_cast<std::int64_t>(indices.size());
    batch.columns = static_cast<std::int64_t>(longest - 1);
    batch.inputs.assign(indices.size() * (longest - 1), 0);
    batch.labels.assign(batch.inputs.size(), kIgnoredLabel);
    for (std::size_t row = 0; row < indices.size(); ++row) {
        const auto tokens = sequence(indices[row]);
        const std::size_t at = row * (longest - 1);
        for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
            batch.inputs[at + i] = tokens[i] & ~kLearnBit;
            if ((tokens[i + 1] & kLearnBit) != 0) {
                batch.labels[at + i] = tokens[i + 1] & ~kLearnBit;
                ++batch.learnt_tokens;
            }
        }
    }
    return batch;
}

}  // namespace capstan::trainer
