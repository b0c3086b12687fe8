#include "corpus/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace capstan::corpus {

void parallel_for(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& body) {
    std::atomic<std::size_t> next{0};
    const auto work = [&next, count, &body] {
        for (std::size_t i = next++; i < count; i = next++) {
            body(i);
        }
    };
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(threads, count); ++i) {
        others.emplace_back(work);
    }
    work();
}

}  // namespace capstan::corpus
