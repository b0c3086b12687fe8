#pragma once

// A bare socket, for tests that send what no client of ours would.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace capstan::http {

class TestPeer {
public:
    explicit TestPeer(std::uint16_t port, int receive_buffer_bytes = 0)
        : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        if (receive_buffer_bytes > 0) {
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        is_connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }

    ~TestPeer() { close(); }

    TestPeer(const TestPeer&) = delete;
    TestPeer& operator=(const TestPeer&) = delete;

    bool is_connected() const { return is_connected_; }

    // False when the server has closed the connection.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return false;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    bool has_input() const {
        pollfd state{.fd = fd_, .events = POLLIN, .revents = 0};
        return ::poll(&state, 1, 0) > 0;
    }

    // What comes until `mark` was read, the connection ends, or 20 s pass.
    std::string read_until(std::string_view mark) {
        std::string all;
        std::array<char, 65536> piece;
        while (mark.empty() || !all.contains(mark)) {
            pollfd state{.fd = fd_, .events = POLLIN, .revents = 0};
            if (::poll(&state, 1, 20'000) <= 0) {
                return all + "<no more came>";
            }
            const ssize_t bytes = ::recv(fd_, piece.data(), piece.size(), 0);
            if (bytes <= 0) {
                return all;
            }
            all.append(piece.data(), static_cast<std::size_t>(bytes));
        }
        return all;
    }

    std::string read_to_end() { return read_until({}); }

    void close() {
        if (fd_ >= 0) {
            ::close(fd_);
            fd_ = -1;
        }
    }

private:
    int fd_;
    bool is_connected_ = false;
};

}  // namespace capstan::http
