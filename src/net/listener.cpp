#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <list>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "net/endpoints.hpp"
#include "net/socket.hpp"
#include "net/web_socket_stream.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using dxl::fail;

constexpr int kAcceptsPerTurn = 64;
// A step of a handshake that took so long has signed or verified something.
constexpr std::chrono::microseconds kCostly{100};
// While no more handshakes are allowed, who has been silent for so long is looked for so often.
constexpr std::chrono::seconds kSilence{1};
constexpr std::chrono::milliseconds kRoomCheck{200};
// Without descriptors left, accepting again at once would only spin.
constexpr std::chrono::milliseconds kBackOff{100};
constexpr std::chrono::seconds kLogInterval{1};
// What a storm of clients may leave waiting in the kernel, which has a limit of its own
// (net.core.somaxconn).
constexpr int kBacklog = 4096;

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
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, kBacklog) != 0) {
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

// Not a byte has come from the peer.
bool is_silent(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         size > offsetof(tcp_info, tcpi_bytes_received) && info.tcpi_bytes_received == 0;
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Impl> {
  // All have the same deadline, so that the list is in its order and needs one timer.
  struct Handshake {
    std::unique_ptr<Stream> stream;
    Descriptor* descriptor;  // the stream's
    std::chrono::steady_clock::time_point deadline;
  };
  using Place = std::list<Handshake>::iterator;

  // Shared with the streams on their way to their loops.
  struct Receiver {
    Accepted accepted;
    std::atomic<bool> gone{false};
  };
  struct Parcel {
    std::shared_ptr<Receiver> receiver;
    std::unique_ptr<Stream> stream;
  };

  Impl(Loop& owner, std::unique_ptr<Descriptor> socket, ListenerOptions with,
       Listener::Place chooser, Accepted receive, Refused refuse)
      : loop(owner),
        descriptor(std::move(socket)),
        options(std::move(with)),
        place(std::move(chooser)),
        receiver(std::make_shared<Receiver>()),
        refused(std::move(refuse)),
        port(port_of(descriptor->fd())) {
    receiver->accepted = std::move(receive);
  }

  void wait();
  void accept_waiting();
  void begin(int fd);
  void step(Place handshake);
  void hand_over(Place handshake);
  void refuse(Place handshake, const dxl::Error& reason);
  void forget(Place handshake);
  void make_room();
  void check_deadlines();
  void arm_deadline();
  void back_off(const std::string& why);
  void stop();

  Loop& loop;
  std::unique_ptr<Descriptor> descriptor;
  ListenerOptions options;
  Listener::Place place;
  std::shared_ptr<Receiver> receiver;
  Refused refused;
  std::uint16_t port;
  std::list<Handshake> handshakes;  // oldest first
  bool full = false;                // waits for a handshake to end before it accepts again
  std::unique_ptr<Loop::Timer> pause, deadline, room;
  std::chrono::steady_clock::time_point last_log{};
};

void Listener::Impl::wait() {
  full = handshakes.size() >= options.handshakes;
  if (full) {
    if (options.on_full) options.on_full();
    if (room == nullptr) room = loop.schedule(kRoomCheck, [this] { make_room(); });
    return;
  }
  descriptor->wait_readable([this] {
    const auto keep = shared_from_this();
    accept_waiting();
  });
}

void Listener::Impl::accept_waiting() {
  for (int i = 0; i < kAcceptsPerTurn && handshakes.size() < options.handshakes; ++i) {
    const int fd = ::accept4(descriptor->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      begin(fd);
      if (descriptor->fd() < 0) return;  // a callback has destroyed the listener
      continue;
    }
    if (is_out_of_resources(errno)) return back_off(system_text(errno));
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    // ECONNABORTED and the like: that connection is gone, the next may be fine.
  }
  wait();
}

void Listener::Impl::begin(int fd) {
  const std::string peer_name = peer_name_of(fd);
  auto socket = Descriptor::adopt(loop, fd);
  if (!socket) return refused(peer_name, socket.error());
  Descriptor* const raw = socket->get();
  auto stream = make_socket_stream(std::move(*socket), options.tls, {});
  if (!stream) return refused(peer_name, stream.error());
  if (options.web_socket) stream = make_web_socket_server_stream(*std::move(stream));
  handshakes.push_back(
      {std::move(*stream), raw, std::chrono::steady_clock::now() + options.handshake_deadline});
  if (deadline == nullptr) arm_deadline();
  step(std::prev(handshakes.end()));
}

void Listener::Impl::step(Place handshake) {
  Stream& stream = *handshake->stream;
  const auto begun = std::chrono::steady_clock::now();
  IoResult result = stream.handshake();
  // Thousands of signatures may be due: who serves those inside goes first. By itself the scheduler
  // lets us finish a time slice of milliseconds. Steps that cost nothing are not worth the turn.
  if (std::chrono::steady_clock::now() - begun >= kCostly) std::this_thread::yield();
  switch (result.status) {
    case IoResult::Status::kDone:
      return hand_over(handshake);
    case IoResult::Status::kWouldBlock: {
      auto again = [this, handshake] {
        const auto keep = shared_from_this();
        step(handshake);
      };
      stream.wants_write() ? stream.wait_writable(again) : stream.wait_readable(again);
      return;
    }
    case IoResult::Status::kEnd:
      return refuse(handshake, {ErrorCode::kConnect,
                                "the peer closed the connection during the handshake", 0});
    case IoResult::Status::kFailed:
      return refuse(handshake, result.error);
  }
}

// Nothing of ours refers to the stream from here on: its loop may outlive this one.
void Listener::Impl::hand_over(Place handshake) {
  handshake->descriptor->leave_loop();
  auto parcel = std::make_shared<Parcel>();
  parcel->receiver = receiver;
  parcel->stream = std::move(handshake->stream);
  Loop& target = place();
  target.post([&target, parcel = std::move(parcel)] {
    if (parcel->receiver->gone) return;
    parcel->stream->move_to(target);
    parcel->receiver->accepted(target, std::move(parcel->stream));
  });
  forget(handshake);
}

void Listener::Impl::refuse(Place handshake, const dxl::Error& reason) {
  const std::unique_ptr<Stream> stream = std::move(handshake->stream);
  stream->close();
  forget(handshake);
  refused(stream->peer_name(), reason);
}

void Listener::Impl::forget(Place handshake) {
  handshakes.erase(handshake);
  if (handshakes.empty()) deadline.reset();
  if (full) wait();
}

// Clients speak first: who connects and is silent must not keep out the others, who wait.
void Listener::Impl::make_room() {
  const auto keep = shared_from_this();
  room.reset();
  const auto newest = std::chrono::steady_clock::now() + options.handshake_deadline - kSilence;
  for (auto at = handshakes.begin(); at != handshakes.end() && at->deadline <= newest;) {
    const Place each = at++;
    if (!is_silent(each->descriptor->fd())) continue;
    refuse(each, {ErrorCode::kTimedOut, "the peer was silent while others waited", 0});
    if (descriptor->fd() < 0) return;  // the callback has destroyed the listener
  }
  if (full) room = loop.schedule(kRoomCheck, [this] { make_room(); });
}

void Listener::Impl::check_deadlines() {
  const auto now = std::chrono::steady_clock::now();
  while (!handshakes.empty() && handshakes.front().deadline <= now) {
    refuse(handshakes.begin(), {ErrorCode::kTimedOut,
                                fmt::format("the peer did not finish the handshake within {} ms",
                                            options.handshake_deadline.count()),
                                0});
  }
  arm_deadline();
}

void Listener::Impl::arm_deadline() {
  if (handshakes.empty()) return deadline.reset();
  const auto left = handshakes.front().deadline - std::chrono::steady_clock::now();
  deadline = loop.schedule(left, [this] {
    const auto keep = shared_from_this();
    check_deadlines();
  });
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

void Listener::Impl::stop() {
  receiver->gone = true;
  descriptor->close();
  pause.reset();
  deadline.reset();
  room.reset();
  full = false;
  handshakes.clear();
}

dxl::Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, ListenerOptions options,
                                                      Place place, Accepted accepted,
                                                      Refused refused) {
  const auto fd = open_socket(options.address, options.port);
  if (!fd) return fail(fd.error());
  auto descriptor = Descriptor::adopt(loop, *fd);
  if (!descriptor) return fail(std::move(descriptor.error()));
  auto impl = std::make_shared<Impl>(loop, std::move(*descriptor), std::move(options),
                                     std::move(place), std::move(accepted), std::move(refused));
  impl->wait();
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Listener::~Listener() { impl_->stop(); }

void Listener::set_tls(std::shared_ptr<const TlsContext> tls) {
  impl_->options.tls = std::move(tls);
}

std::uint16_t Listener::port() const { return impl_->port; }

}  // namespace tiara::net
