#pragma once

// Fewer points for a chart, without hiding a spike.

#include <cstddef>
#include <vector>

#include "tracking/run.h"

namespace capstan::tracking {

// At most `points_max` (2 or more) of `points`, in order: the first, the last, and of each of equally many
// buckets between them the smallest and the largest. All of them when they are few enough. Cost: linear.
std::vector<MetricPoint> downsample(const std::vector<MetricPoint>& points, std::size_t points_max);

}  // namespace capstan::tracking
