#include "tracking/downsample.h"

#include <algorithm>

#include "base/check.h"

namespace capstan::tracking {

std::vector<MetricPoint> downsample(const std::vector<MetricPoint>& points, std::size_t points_max) {
    CHECK(points_max >= 2, "a chart needs two points");
    if (points.size() <= points_max) {
        return points;
    }
    std::vector<MetricPoint> kept;
    kept.push_back(points.front());
    const std::size_t buckets = (points_max - 2) / 2;
    const std::size_t inner = points.size() - 2;
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        const auto begin = points.begin() + 1 + static_cast<std::ptrdiff_t>(bucket * inner / buckets);
        const auto end = points.begin() + 1 + static_cast<std::ptrdiff_t>((bucket + 1) * inner / buckets);
        const auto [low, high] = std::minmax_element(
            begin, end, [](const MetricPoint& a, const MetricPoint& b) { return a.value < b.value; }
        );
        kept.push_back(*std::min(low, high));
        if (low != high) {
            kept.push_back(*std::max(low, high));
        }
    }
    kept.push_back(points.back());
    return kept;
}

}  // namespace capstan::tracking
