#pragma once

// Memory in large pages, for weights: reading gigabytes over 4 KB pages costs a quarter of the bandwidth.

#include <cstddef>
#include <cstdint>

namespace capstan::engine {

class HugeBuffer {
public:
    HugeBuffer() = default;
    // Zeros. Asks the kernel for 2 MB pages, and does with small ones where it has none.
    explicit HugeBuffer(std::int64_t bytes);
    ~HugeBuffer();
    HugeBuffer(HugeBuffer&& other) noexcept;
    HugeBuffer& operator=(HugeBuffer&& other) noexcept;
    HugeBuffer(const HugeBuffer&) = delete;
    HugeBuffer& operator=(const HugeBuffer&) = delete;

    std::byte* data() { return data_; }

    const std::byte* data() const { return data_; }

    std::int64_t size() const { return bytes_; }

private:
    std::size_t mapped_bytes() const;

    std::byte* data_ = nullptr;
    std::int64_t bytes_ = 0;
};

}  // namespace capstan::engine
