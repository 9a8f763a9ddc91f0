#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "net/endpoints.hpp"
#include "net/socket.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using dxl::fail;

constexpr int kAcceptsPerTurn = 64;
// Without descriptors left, accepting again at once would only spin.
constexpr std::chrono::milliseconds kBackOff{100};
constexpr std::chrono::seconds kLogInterval{1};

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};

dxl::Result<int> open_socket(const std::string& address, std::uint16_t port) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kConnect, fmt::format("cannot listen on {}:{}: {}", address, port, why));
  };
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return refuse(::gai_strerror(error));
  const std::unique_ptr<addrinfo, FreeAddresses> owner(found);

  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return refuse(system_text(errno));
  const int on = 1;
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // `::` next to `0.0.0.0` on one port.
  if (found->ai_family == AF_INET6) {
    (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, SOMAXCONN) != 0) {
    const int why = errno;
    ::close(fd);
    return refuse(system_text(why));
  }
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  // Both families keep the port in the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

// Failures that concern one connection or pass by themselves, not the listener.
bool is_out_of_resources(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& owner, std::unique_ptr<Descriptor> socket, std::shared_ptr<const TlsContext> context,
       Accepted callback)
      : loop(owner),
        descriptor(std::move(socket)),
        tls(std::move(context)),
        accepted(std::move(callback)),
        port(port_of(descriptor->fd())) {}

  void wait() {
    descriptor->wait_readable([this] {
      const auto keep = shared_from_this();
      accept_waiting();
    });
  }
  void accept_waiting();
  void hand_over(int fd);
  void back_off(const std::string& why);

  Loop& loop;
  std::unique_ptr<Descriptor> descriptor;
  std::shared_ptr<const TlsContext> tls;
  Accepted accepted;
  std::uint16_t port;
  std::unique_ptr<Loop::Timer> pause;
  std::chrono::steady_clock::time_point last_log{};
};

void Listener::Impl::accept_waiting() {
  for (int i = 0; i < kAcceptsPerTurn && descriptor->fd() >= 0; ++i) {
    const int fd = ::accept4(descriptor->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      hand_over(fd);
      continue;
    }
    if (is_out_of_resources(errno)) return back_off(system_text(errno));
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    // ECONNABORTED and the like: that connection is gone, the next may be fine.
  }
  wait();
}

void Listener::Impl::hand_over(int fd) {
  auto socket = Descriptor::adopt(loop, fd);
  auto stream = socket ? make_socket_stream(std::move(*socket), tls, {})
                       : dxl::Result<std::unique_ptr<Stream>>(fail(socket.error()));
  if (stream) {
    accepted(std::move(*stream));
  } else {
    base::log(base::LogLevel::kWarning, "net", "connection on port {} dropped: {}", port,
              stream.error().message);
  }
}

void Listener::Impl::back_off(const std::string& why) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_log >= kLogInterval) {
    last_log = now;
    base::log(base::LogLevel::kWarning, "net",
              "cannot accept on port {}: {}; raise the limit of "
              "open files or close connections",
              port, why);
  }
  pause = loop.schedule(kBackOff, [this] { wait(); });
}

dxl::Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const std::string& address,
                                                      std::uint16_t port,
                                                      std::shared_ptr<const TlsContext> tls,
                                                      Accepted accepted) {
  const auto fd = open_socket(address, port);
  if (!fd) return fail(fd.error());
  auto descriptor = Descriptor::adopt(loop, *fd);
  if (!descriptor) return fail(std::move(descriptor.error()));
  auto impl =
      std::make_shared<Impl>(loop, std::move(*descriptor), std::move(tls), std::move(accepted));
  impl->wait();
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Listener::~Listener() {
  impl_->pause.reset();
  impl_->descriptor->close();
}

std::uint16_t Listener::port() const { return impl_->port; }

}  // namespace tiara::net
