#pragma once

// Where others find a server that listens on an address.

#include <cstdint>
#include <string>

namespace capstan::serving {

// All addresses of this machine ("0.0.0.0", "::") mean its name, or, where nobody knows that name, its first
// address that is not loopback. Asks the resolver.
std::string advertised_url(const std::string& address, std::uint16_t port);

}  // namespace capstan::serving
