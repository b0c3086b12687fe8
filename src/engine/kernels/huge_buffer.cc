#include "engine/kernels/huge_buffer.h"

#include <utility>

#include <sys/mman.h>

#include "base/check.h"

namespace capstan::engine {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPage = 4096;

}  // namespace

// Starts at a large page, and ends with the last small one: what is mapped around it goes back at once.
HugeBuffer::HugeBuffer(std::int64_t bytes) : bytes_(bytes) {
    if (bytes == 0) {
        return;
    }
    const std::size_t kept = mapped_bytes();
    const std::size_t asked = kept + kHugePage;
    void* memory = mmap(nullptr, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED, "there is memory for the weights");
    auto* const begin = static_cast<std::byte*>(memory);
    const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
    data_ = begin + before;
    if (before > 0) {
        munmap(begin, before);
    }
    munmap(data_ + kept, asked - before - kept);
    // A wish only: without large pages the same memory is read, slower.
    (void)madvise(data_, kept, MADV_HUGEPAGE);
}

std::size_t HugeBuffer::mapped_bytes() const {
    return (static_cast<std::size_t>(bytes_) + kPage - 1) / kPage * kPage;
}

HugeBuffer::~HugeBuffer() {
    if (data_ != nullptr) {
        munmap(data_, mapped_bytes());
    }
}

HugeBuffer::HugeBuffer(HugeBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

HugeBuffer& HugeBuffer::operator=(HugeBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

}  // namespace capstan::engine
