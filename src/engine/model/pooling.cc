#include "engine/model/pooling.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace capstan::engine {

void scale_to_length_one(std::span<float> vector) {
    double squares = 0;
    for (const float value : vector) {
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    // As torch.nn.functional.normalize.
    const auto scale = static_cast<float>(1 / std::max(std::sqrt(squares), 1e-12));
    for (float& value : vector) {
        value *= scale;
    }
}

void VectorPool::add(std::span<const float> row) {
    CHECK(pooling_ == Pooling::kLast || pooling_ == Pooling::kMean, "others look at all rows at once");
    ++rows_;
    if (pooling_ == Pooling::kLast || rows_ == 1) {
        sum_.assign(row.begin(), row.end());
        return;
    }
    std::ranges::transform(sum_, row, sum_.begin(), [](double sum, float value) {
        return sum + static_cast<double>(value);
    });
}

std::vector<float> VectorPool::take() {
    const double divisor = pooling_ == Pooling::kMean ? static_cast<double>(std::exchange(rows_, 0)) : 1;
    std::vector<float> vector(sum_.size());
    std::ranges::transform(sum_, vector.begin(), [divisor](double sum) {
        return static_cast<float>(sum / divisor);
    });
    sum_.clear();
    return vector;
}

}  // namespace capstan::engine
