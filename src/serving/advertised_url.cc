#include "serving/advertised_url.h"

#include <array>
#include <memory>

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace capstan::serving {
namespace {

bool is_known(const char* name) {
    addrinfo* found = nullptr;
    const bool is_found = ::getaddrinfo(name, nullptr, nullptr, &found) == 0;
    if (is_found) {
        ::freeaddrinfo(found);
    }
    return is_found;
}

std::string first_address() {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) {
        return "127.0.0.1";
    }
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, ::freeifaddrs);
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        const bool is_of_others = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
        std::array<char, NI_MAXHOST> text{};
        if (is_of_others && one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_INET &&
            ::getnameinfo(
                one->ifa_addr, sizeof(sockaddr_in), text.data(), text.size(), nullptr, 0, NI_NUMERICHOST
            ) == 0) {
            return text.data();
        }
    }
    return "127.0.0.1";
}

std::string host_for_others() {
    std::array<char, 256> name{};
    const bool has_name = ::gethostname(name.data(), name.size() - 1) == 0;
    return has_name && is_known(name.data()) ? name.data() : first_address();
}

}  // namespace

std::string advertised_url(const std::string& address, std::uint16_t port) {
    const std::string host = address == "0.0.0.0" || address == "::" ? host_for_others() : address;
    return host.contains(':') ? fmt::format("http://[{}]:{}", host, port)
                              : fmt::format("http://{}:{}", host, port);
}

}  // namespace capstan::serving
