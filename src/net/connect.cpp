#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "net/endpoints.hpp"
#include "net/proxy_tunnel.hpp"
#include "net/socket.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using Done = std::function<void(dxl::Result<std::unique_ptr<Stream>>)>;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  std::string text() const {
    char host[NI_MAXHOST] = "";
    (void)::getnameinfo(reinterpret_cast<const sockaddr*>(&storage), size, host, sizeof host,
                        nullptr, 0, NI_NUMERICHOST);
    return host;
  }
};

struct Resolved {
  std::vector<Address> addresses;
  std::string problem;  // why there are none
};

Resolved resolve(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_flags = flags | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  Resolved resolved;
  if (error != 0) {
    resolved.problem = ::gai_strerror(error);
    return resolved;
  }
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_addrlen > sizeof(sockaddr_storage)) continue;
    Address& address = resolved.addresses.emplace_back();
    std::copy_n(reinterpret_cast<const char*>(entry->ai_addr), entry->ai_addrlen,
                reinterpret_cast<char*>(&address.storage));
    address.size = entry->ai_addrlen;
  }
  ::freeaddrinfo(found);
  if (resolved.addresses.empty()) resolved.problem = "it has no addresses";
  return resolved;
}

// Why one or several of the addresses could not be reached.
struct Problem {
  std::string why, addresses;
};

std::string text_of(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& each : problems)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", each.why, each.addresses);
  return text;
}

// What a proxy is to be asked for.
struct Target {
  std::string host;
  std::uint16_t port;
  std::string request;
};

// One connect_tcp, or connect_through_proxy. Owned by the task of its deadline timer, so that it
// ends with its loop.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(Loop& loop, std::string host, std::uint16_t port, std::shared_ptr<const TlsContext> tls,
          std::chrono::milliseconds deadline, Done done)
      : loop_(loop),
        host_(std::move(host)),
        port_(port),
        tls_(std::move(tls)),
        deadline_(deadline),
        end_(std::chrono::steady_clock::now() + deadline),
        done_(std::move(done)) {}

  // Before start(): host and port of the constructor are the proxy's.
  void set_target(Target target) { target_ = std::move(target); }
  void start();

 private:
  std::string what_waits() const;
  void open_tunnel();
  void resolve_in_thread();
  void on_resolved(Resolved resolved);
  void try_next();
  void wait_connected();
  void on_connected();
  void give_up_address(const std::string& why);
  void finish(dxl::Result<std::unique_ptr<Stream>> result);

  Loop& loop_;
  std::string host_;
  std::uint16_t port_;
  std::shared_ptr<const TlsContext> tls_;
  std::chrono::milliseconds deadline_;
  std::chrono::steady_clock::time_point end_;
  Done done_;
  std::unique_ptr<Loop::Timer> deadline_timer_, address_timer_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  std::unique_ptr<Descriptor> pending_;
  std::vector<Problem> problems_;
  std::optional<Target> target_;
  std::unique_ptr<ProxyTunnel> tunnel_;
};

void Attempt::start() {
  deadline_timer_ = loop_.schedule(deadline_, [self = shared_from_this()] {
    self->finish(dxl::fail(
        ErrorCode::kTimedOut,
        fmt::format("cannot connect to {}: no answer within {} ms{}{}", self->what_waits(),
                    self->deadline_.count(),
                    self->problems_.empty() ? "" : "; before: ", text_of(self->problems_))));
  });
  Resolved numeric = resolve(host_, port_, AI_NUMERICHOST);
  if (!numeric.addresses.empty()) {
    on_resolved(std::move(numeric));
  } else {
    resolve_in_thread();
  }
}

std::string Attempt::what_waits() const {
  std::string text = fmt::format("{}:{}", host_, port_);
  if (target_) text = authority_of(target_->host, target_->port) + " through the proxy " + text;
  return text;
}

// The system's resolver blocks, possibly for longer than the deadline and the loop's life: the
// thread owns copies only, and its answer is dropped when nobody waits any more.
void Attempt::resolve_in_thread() {
  try {
    std::thread([host = host_, port = port_, mailbox = loop_.mailbox(), weak = weak_from_this()] {
      Resolved resolved = resolve(host, port, AI_ADDRCONFIG);
      if (resolved.addresses.empty()) resolved = resolve(host, port, 0);
      mailbox->post([weak, resolved = std::move(resolved)] {
        if (const auto attempt = weak.lock()) attempt->on_resolved(resolved);
      });
    }).detach();
  } catch (const std::system_error& error) {
    on_resolved({{}, error.what()});
  }
}

void Attempt::on_resolved(Resolved resolved) {
  if (!done_) return;
  if (resolved.addresses.empty()) {
    finish(dxl::fail(ErrorCode::kConnect,
                     fmt::format("cannot resolve {}: {}", host_, resolved.problem)));
    return;
  }
  addresses_ = std::move(resolved.addresses);
  try_next();
}

void Attempt::try_next() {
  pending_.reset();
  address_timer_.reset();
  if (next_ == addresses_.size()) {
    finish(dxl::fail(ErrorCode::kConnect,
                     fmt::format("cannot connect to {}: {}", what_waits(), text_of(problems_))));
    return;
  }
  const Address& address = addresses_[next_++];
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return give_up_address(system_text(errno));
  auto descriptor = Descriptor::adopt(loop_, fd);
  if (!descriptor) return give_up_address(descriptor.error().message);
  pending_ = std::move(*descriptor);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 &&
      errno != EINPROGRESS) {
    return give_up_address(system_text(errno));
  }
  wait_connected();
}

void Attempt::wait_connected() {
  pending_->wait_writable([this] {
    const auto keep = shared_from_this();
    on_connected();
  });
  // An address that swallows packets must not use up the time of those behind it.
  const std::size_t left = addresses_.size() - next_ + 1;
  if (left == 1) return;
  const auto share = (end_ - std::chrono::steady_clock::now()) / static_cast<int>(left);
  address_timer_ = loop_.schedule(share, [weak = weak_from_this()] {
    if (const auto attempt = weak.lock()) attempt->give_up_address("no answer");
  });
}

void Attempt::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(pending_->fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return give_up_address(system_text(error));
  if (target_) return open_tunnel();
  finish(make_socket_stream(std::move(pending_), tls_, host_));
}

void Attempt::open_tunnel() {
  address_timer_.reset();
  tunnel_ = std::make_unique<ProxyTunnel>(
      std::move(pending_), target_->request,
      [weak = weak_from_this()](dxl::Result<std::unique_ptr<Descriptor>> open) {
        const auto self = weak.lock();
        if (!self) return;
        if (open) {
          return self->finish(
              make_socket_stream(std::move(*open), self->tls_, self->target_->host));
        }
        self->finish(dxl::fail(
            open.error().code,
            fmt::format("cannot connect to {}: {}", self->what_waits(), open.error().message)));
      });
}

void Attempt::give_up_address(const std::string& why) {
  const std::string address = addresses_[next_ - 1].text();
  const auto known = std::find_if(problems_.begin(), problems_.end(),
                                  [&why](const Problem& each) { return each.why == why; });
  if (known == problems_.end())
    problems_.push_back({why, address});
  else
    known->addresses += ", " + address;
  try_next();
}

void Attempt::finish(dxl::Result<std::unique_ptr<Stream>> result) {
  const auto keep = shared_from_this();  // the timer's task may be all that owns us
  pending_.reset();
  address_timer_.reset();
  deadline_timer_.reset();
  // Later: it may be what calls.
  if (tunnel_) loop_.post([tunnel = std::shared_ptr<ProxyTunnel>(std::move(tunnel_))] {});
  if (done_) std::exchange(done_, nullptr)(std::move(result));
}

}  // namespace

void connect_tcp(Loop& loop, const std::string& host, std::uint16_t port,
                 std::shared_ptr<const TlsContext> tls, std::chrono::milliseconds deadline,
                 std::function<void(dxl::Result<std::unique_ptr<Stream>>)> done) {
  auto attempt =
      std::make_shared<Attempt>(loop, host, port, std::move(tls), deadline, std::move(done));
  // Posted, so that `done` never comes before this call has returned.
  loop.post([attempt] { attempt->start(); });
}

void connect_through_proxy(Loop& loop, Proxy proxy, const std::string& host, std::uint16_t port,
                           std::shared_ptr<const TlsContext> tls,
                           std::chrono::milliseconds deadline,
                           std::function<void(dxl::Result<std::unique_ptr<Stream>>)> done) {
  auto request = make_connect_request(proxy, host, port);
  if (!request) {
    loop.post([done = std::move(done), why = std::move(request.error())] { done(dxl::fail(why)); });
    return;
  }
  auto attempt = std::make_shared<Attempt>(loop, std::move(proxy.host), proxy.port, std::move(tls),
                                           deadline, std::move(done));
  attempt->set_target({host, port, *std::move(request)});
  loop.post([attempt] { attempt->start(); });
}

}  // namespace tiara::net
