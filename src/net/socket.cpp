#include "net/socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "net/tls_stream.hpp"

namespace tiara::net {
namespace {

constexpr int kKeepIdleSeconds = 60;
constexpr int kKeepIntervalSeconds = 15;
constexpr int kKeepProbes = 4;
constexpr int kDiscardedReads = 16;

IoResult failed(int error_number) {
  if (error_number == EAGAIN || error_number == EWOULDBLOCK) {
    return {IoResult::Status::kWouldBlock, 0, {}};
  }
  return {IoResult::Status::kFailed,
          0,
          {dxl::ErrorCode::kNotConnected, "connection lost: " + system_text(error_number)}};
}

void set_option(int fd, int level, int name, int value) {
  // Best effort: without it the connection still works.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

// TCP without TLS: benchmarks and tests.
class TcpStream final : public Stream {
 public:
  explicit TcpStream(std::unique_ptr<Descriptor> descriptor)
      : descriptor_(std::move(descriptor)), peer_name_(peer_name_of(descriptor_->fd())) {}

  IoResult handshake() override { return {IoResult::Status::kDone, 0, {}}; }
  IoResult read(char* into, std::size_t capacity) override {
    wants_write_ = false;
    return receive(descriptor_->fd(), into, capacity);
  }
  IoResult write(std::string_view bytes) override {
    wants_write_ = true;
    return send(descriptor_->fd(), bytes);
  }
  bool wants_write() const override { return wants_write_; }
  bool has_buffered_input() const override { return false; }
  bool peer_has_left() const override { return net::peer_has_left(descriptor_->fd()); }
  void wait_readable(std::function<void()> ready) override {
    descriptor_->wait_readable(std::move(ready));
  }
  void wait_writable(std::function<void()> ready) override {
    descriptor_->wait_writable(std::move(ready));
  }
  void move_to(Loop& loop) override { descriptor_->move_to(loop); }
  std::size_t held_bytes() const override { return 0; }
  void close() override { close_gently(*descriptor_); }
  const std::vector<PeerCertificate>& peer_chain() const override { return no_chain_; }
  std::string peer_name() const override { return peer_name_; }

 private:
  std::unique_ptr<Descriptor> descriptor_;
  std::string peer_name_;
  std::vector<PeerCertificate> no_chain_;
  bool wants_write_ = false;
};

}  // namespace

std::size_t heap_bytes(const std::string& text) {
  static const std::size_t kInside = std::string().capacity();
  return text.capacity() <= kInside ? 0 : text.capacity() + 1;
}

IoResult receive(int fd, char* into, std::size_t capacity) {
  while (true) {
    const ssize_t count = ::recv(fd, into, capacity, 0);
    if (count > 0) return {IoResult::Status::kDone, static_cast<std::size_t>(count), {}};
    if (count == 0) return {IoResult::Status::kEnd, 0, {}};
    if (errno != EINTR) return failed(errno);
  }
}

IoResult send(int fd, std::string_view bytes) {
  while (true) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return {IoResult::Status::kDone, static_cast<std::size_t>(count), {}};
    if (errno != EINTR) return failed(errno);
  }
}

bool peer_has_left(int fd) {
  pollfd state{fd, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) == 1;
}

std::string system_text(int error_number) { return std::generic_category().message(error_number); }

void configure_tcp(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepProbes);
}

std::string peer_name_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(fd, generic, &size) != 0 ||
      ::getnameinfo(generic, size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host.data(), port.data())
                                       : fmt::format("{}:{}", host.data(), port.data());
}

void close_gently(Descriptor& descriptor) {
  const int fd = descriptor.fd();
  if (fd < 0) return;
  if (::shutdown(fd, SHUT_WR) == 0) {
    std::vector<char>& discarded = descriptor.loop().record_input();
    for (int i = 0; i < kDiscardedReads; ++i) {
      if (receive(fd, discarded.data(), discarded.size()).status != IoResult::Status::kDone) break;
    }
  }
  descriptor.close();
}

dxl::Result<std::unique_ptr<Stream>> make_socket_stream(std::unique_ptr<Descriptor> descriptor,
                                                        std::shared_ptr<const TlsContext> tls,
                                                        const std::string& server_name) {
  configure_tcp(descriptor->fd());
  if (tls == nullptr) return std::unique_ptr<Stream>(new TcpStream(std::move(descriptor)));
  return make_tls_stream(std::move(descriptor), std::move(tls), server_name);
}

}  // namespace tiara::net
