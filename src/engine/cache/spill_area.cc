#include "engine/cache/spill_area.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/clock.h"

namespace capstan::engine {
namespace {

constexpr double kAssumedBytesPerUs = 4000;
constexpr double kLeastBytesPerUs =
    250;                              // Slower was an accident, after which nothing would be measured again.
constexpr double kWeightOfNew = 0.3;  // In the moving average.

}  // namespace

SpilledBlocks::SpilledBlocks(SpillArea& area, std::int64_t blocks)
    : area_(area),
      blocks_(blocks),
      memory_(std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(blocks * area.block_bytes_)
      )) {
    area_.bytes_used_ += blocks * area.block_bytes_;
}

SpilledBlocks::~SpilledBlocks() {
    area_.bytes_used_ -= blocks_ * area_.block_bytes_;
}

void SpilledBlocks::copy_to(std::int64_t index, std::byte* block) const {
    const std::int64_t at = index - first_block_;
    CHECK(at >= 0 && at < blocks_, "what comes back had been spilled");
    std::memcpy(block, memory_.get() + at * area_.block_bytes_, static_cast<std::size_t>(area_.block_bytes_));
}

bool SpillArea::is_worth(std::int64_t blocks, std::int64_t tokens) const {
    if (token_us_ == 0) {
        return true;
    }
    const double block_us =
        block_us_ > 0 ? block_us_ : static_cast<double>(block_bytes_) / kAssumedBytesPerUs;
    return 2 * block_us * static_cast<double>(blocks) < token_us_ * static_cast<double>(tokens);
}

std::unique_ptr<SpilledBlocks> SpillArea::put(const Blocks& from) {
    const std::int64_t count = std::ssize(from.blocks);
    if (bytes_used_ + count * block_bytes_ > bytes_max_) {
        return nullptr;
    }
    const std::int64_t begin_us = monotonic_now_us();
    std::unique_ptr<SpilledBlocks> spilled(new SpilledBlocks(*this, count));
    spilled->first_block_ = from.first_block;
    spilled->tokens_ = from.tokens;
    std::byte* to = spilled->memory_.get();
    for (const std::byte* block : from.blocks) {
        std::memcpy(to, block, static_cast<std::size_t>(block_bytes_));
        to += block_bytes_;
    }
    const auto duration_us = static_cast<double>(monotonic_now_us() - begin_us);
    const double block_us = std::min(
        duration_us / static_cast<double>(std::max<std::int64_t>(1, count)),
        static_cast<double>(block_bytes_) / kLeastBytesPerUs
    );
    block_us_ = block_us_ == 0 ? block_us : block_us_ + kWeightOfNew * (block_us - block_us_);
    return spilled;
}

}  // namespace capstan::engine
