#pragma once

// Hashes: SHA-256 names content and keys, XXH64 and XXH3 find duplicates, CRC32C guards records against torn
// writes.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace capstan {

using Sha256Digest = std::array<std::uint8_t, 32>;

// SHA-256 (FIPS 180-4) of bytes that arrive in parts.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::string_view bytes);
    Sha256Digest finish();  // Once; the object is spent afterwards.

private:
    struct State;
    std::unique_ptr<State> state_;
};

Sha256Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);  // 64 lower-case digits.
Sha256Digest hmac_sha256(std::string_view key, std::string_view message);

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed = 0);
std::uint64_t xxh3_64(std::string_view bytes);

// CRC-32C (Castagnoli polynomial, as in iSCSI, RFC 3720). `crc` continues an earlier value.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

std::string to_hex(std::span<const std::uint8_t> bytes);  // Lower case.

// Compares in time that does not depend on where they differ: for secrets.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// `count` bytes from the system's generator; ends the process when it has none.
std::string random_bytes(std::size_t count);

}  // namespace capstan
