#include "base/hash.h"

#include <cerrno>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/check.h"

namespace capstan {
namespace {

// CRC-32C by the reflected polynomial 0x82F63B78, eight tables: eight bytes a step ("slicing-by-8", Kounavis
// and Berry 2005).
struct CrcTables {
    std::array<std::array<std::uint32_t, 256>, 8> table{};

    constexpr CrcTables() {
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            std::uint32_t crc = byte;
            for (int bit = 0; bit < 8; ++bit) {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
            }
            table[0][byte] = crc;
        }
        for (std::size_t slice = 1; slice < 8; ++slice) {
            for (std::size_t byte = 0; byte < 256; ++byte) {
                const std::uint32_t before = table[slice - 1][byte];
                table[slice][byte] = (before >> 8) ^ table[0][before & 0xFF];
            }
        }
    }
};

constexpr CrcTables kCrc;

std::uint8_t byte_at(std::string_view bytes, std::size_t i) {
    return static_cast<std::uint8_t>(bytes[i]);
}

}  // namespace

struct Sha256::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();

    State() { CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1, "OpenSSL has no SHA-256"); }

    ~State() { EVP_MD_CTX_free(context); }

    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
    CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, "SHA-256 update");
}

Sha256Digest Sha256::finish() {
    Sha256Digest digest{};
    unsigned size = 0;
    CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &size) == 1 && size == digest.size(), "SHA-256");
    return digest;
}

Sha256Digest sha256(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

std::string sha256_hex(std::string_view bytes) {
    return to_hex(sha256(bytes));
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view message) {
    Sha256Digest digest{};
    unsigned size = 0;
    const char* bytes =
        key.data() != nullptr ? key.data() : "";  // OpenSSL 3 refuses a null key, even an empty one.
    const auto* data = reinterpret_cast<const unsigned char*>(message.data());
    const auto* done =
        HMAC(EVP_sha256(), bytes, static_cast<int>(key.size()), data, message.size(), digest.data(), &size);
    CHECK(done != nullptr && size == digest.size(), "HMAC-SHA-256");
    return digest;
}

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed) {
    return XXH64(bytes.data(), bytes.size(), seed);
}

std::uint64_t xxh3_64(std::string_view bytes) {
    return XXH3_64bits(bytes.data(), bytes.size());
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
    crc = ~crc;
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) {
        std::uint32_t next = 0;
        for (std::size_t k = 0; k < 8; ++k) {
            const std::uint32_t low = k < 4 ? (crc >> (8 * k)) & 0xFF : 0;
            next ^= kCrc.table[7 - k][byte_at(bytes, i + k) ^ low];
        }
        crc = next;
    }
    for (; i < bytes.size(); ++i) {
        crc = (crc >> 8) ^ kCrc.table[0][(crc ^ byte_at(bytes, i)) & 0xFF];
    }
    return ~crc;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text.push_back(kDigits[byte >> 4]);
        text.push_back(kDigits[byte & 15]);
    }
    return text;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t done = 0;
    while (done < count) {
        const ssize_t got = getrandom(bytes.data() + done, count - done, 0);
        CHECK(got > 0 || errno == EINTR, "the system has no random bytes");
        done += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    return bytes;
}

}  // namespace capstan
