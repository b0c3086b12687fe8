#pragma once

// A loop on several threads.

#include <cstddef>
#include <functional>

namespace capstan::corpus {

// Calls body(i) once for each i below `count`, on up to `threads` threads (this one included), and returns
// when all are done. Bodies must not throw and must not touch what another one writes.
void parallel_for(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& body);

}  // namespace capstan::corpus
