// A plain non-blocking TCP client without any of our code, for what our own client never does.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace tiara::net {

class RawSocket {
 public:
  // Not connected yet.
  RawSocket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) std::abort();
  }
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~RawSocket() {
    if (fd_ >= 0) ::close(fd_);
  }

  // `receive_bytes`: what the kernel may keep for us unread, about; 0: as much as it likes.
  static RawSocket connect(std::uint16_t port, int receive_bytes = 0) {
    RawSocket made;
    if (receive_bytes > 0)
      ::setsockopt(made.fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (!made.connect_to(port)) std::abort();
    return made;
  }
  bool connect_to(std::uint16_t port) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool wait(short events, std::chrono::milliseconds patience) const {
    pollfd entry{fd_, events, 0};
    return ::poll(&entry, 1, static_cast<int>(patience.count())) == 1;
  }
  std::size_t send_some(std::string_view bytes) const {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  // Empty at the end, on failure, or when there is nothing.
  std::string receive_some() const {
    std::string bytes(256 * 1024, '\0');
    const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace tiara::net
