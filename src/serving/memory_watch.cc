#include "serving/memory_watch.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include <unistd.h>

namespace capstan::serving {

std::optional<std::int64_t> resident_bytes(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    std::int64_t total_pages = 0;
    std::int64_t resident_pages = 0;
    if (!(file >> total_pages >> resident_pages)) {
        return std::nullopt;
    }
    return resident_pages * sysconf(_SC_PAGESIZE);
}

MemoryWatch::MemoryWatch(int pid) {
    if (pid == 0) {
        return;
    }
    thread_ = std::jthread([this, pid](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            bytes_max_ = std::max<std::int64_t>(bytes_max_, resident_bytes(pid).value_or(0));
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    });
}

MemoryWatch::~MemoryWatch() = default;

}  // namespace capstan::serving
