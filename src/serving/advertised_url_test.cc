#include "serving/advertised_url.h"

#include <gtest/gtest.h>
#include <netdb.h>

namespace capstan::serving {
namespace {

TEST(AdvertisedUrl, AnAddressIsItself) {
    EXPECT_EQ(advertised_url("127.0.0.1", 80), "http://127.0.0.1:80");
    EXPECT_EQ(advertised_url("::1", 8000), "http://[::1]:8000");
}

// Also where the machine's own name is in no table of names.
TEST(AdvertisedUrl, AllAddressesBecomeOneThatCanBeFound) {
    for (const char* all : {"0.0.0.0", "::"}) {
        const std::string url = advertised_url(all, 80);
        const std::string host = url.substr(7, url.rfind(':') - 7);
        EXPECT_FALSE(host.contains("0.0.0.0")) << url;
        addrinfo* found = nullptr;
        ASSERT_EQ(::getaddrinfo(host.c_str(), nullptr, nullptr, &found), 0) << url;
        ::freeaddrinfo(found);
    }
}

}  // namespace
}  // namespace capstan::serving
