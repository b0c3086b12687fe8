#include "trainer/random_order.h"

#include <numeric>
#include <utility>

namespace capstan::trainer {

std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t value) {
    std::uint64_t mixed = seed + 0x9e3779b97f4a7c15ULL * (value + 1);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
}

std::vector<std::uint32_t> random_order(std::size_t count, std::uint64_t seed) {
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    for (std::size_t left = count; left > 1; --left) {
        // The remainder's bias is below 2^-32 for our counts.
        std::swap(order[left - 1], order[mix_seed(seed, left) % left]);
    }
    return order;
}

}  // namespace capstan::trainer
