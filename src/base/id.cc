#include "base/id.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <span>

#include "base/clock.h"
#include "base/hash.h"

namespace capstan {
namespace {

// The last id's time and counter, so that ids of one process strictly increase (RFC 9562, section 6.2, method
// 1: a 12-bit counter in rand_a; when it overflows the time steps ahead of the clock).
class Sequence {
public:
    struct Position {
        std::uint64_t ms;
        std::uint16_t counter;
    };

    Position next() {
        const std::scoped_lock lock(mutex_);
        const auto now = static_cast<std::uint64_t>(system_now_ms());
        if (now > last_.ms) {
            last_ = {now, 0};
        } else if (++last_.counter == kCounterEnd) {
            last_ = {last_.ms + 1, 0};
        }
        return last_;
    }

private:
    static constexpr std::uint16_t kCounterEnd = 1 << 12;

    std::mutex mutex_;
    Position last_{0, 0};  // Guarded by mutex_.
};

}  // namespace

std::string new_id() {
    static Sequence sequence;
    const auto [ms, counter] = sequence.next();
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 6; ++i) {
        bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
    }
    bytes[6] = static_cast<std::uint8_t>(0x70 | (counter >> 8));
    bytes[7] = static_cast<std::uint8_t>(counter);
    const std::string random = random_bytes(8);
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[8 + i] = static_cast<std::uint8_t>(random[i]);
    }
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
    std::string text = to_hex(bytes);
    for (const std::size_t position : {8U, 13U, 18U, 23U}) {
        text.insert(position, 1, '-');
    }
    return text;
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex) {
            return false;
        }
    }
    return true;
}

}  // namespace capstan
