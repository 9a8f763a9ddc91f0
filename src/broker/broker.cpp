#include "broker/broker.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <future>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "base/ports.hpp"
#include "broker/hub.hpp"
#include "net/endpoints.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

// With port 0 the second address must get the port that the kernel chose for the first; somebody
// else may have it there already.
constexpr int kPortAttempts = 8;
constexpr std::chrono::seconds kFullLogInterval{10};
constexpr std::size_t kErrorCodes = static_cast<std::size_t>(ErrorCode::kCancelled) + 1;
// The door gives way to those inside when the processor is short.
constexpr int kDoorNiceness = 10;

using Listeners = std::vector<std::unique_ptr<net::Listener>>;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// Runs `task` on the loop's thread and waits for what it returns.
template <class Task>
auto call(net::Loop& loop, Task task) {
  using Value = decltype(task());
  std::packaged_task<Value()> packaged(std::move(task));
  auto result = packaged.get_future();
  loop.post([&packaged] { packaged(); });
  return result.get();
}

}  // namespace

// One I/O thread. Members go from the last to the first: clients before their loop.
struct IoThread {
  net::Loop loop;
  std::unique_ptr<Hub> hub;
  std::thread thread;
};

struct Broker::Impl {
  explicit Impl(BrokerOptions given)
      : options(std::move(given)), shared(options.limits, options.threads), io(options.threads) {}

  dxl::Result<Listeners> open_listeners(std::uint16_t port, bool web_socket);
  // Opens on all addresses at one port, which it returns.
  dxl::Result<std::uint16_t> listen(std::uint16_t port, bool web_socket);
  // Returns once every router has applied it. Not on a thread of the broker.
  void commit(fabric::Change change);
  void make_hubs(fabric::Authorization authorization);
  void start_threads();
  void stop();

  net::Loop& place() { return io[next_io++ % io.size()].loop; }
  void accept(net::Loop& loop, std::unique_ptr<net::Stream> stream);
  void refuse(const std::string& peer_name, const dxl::Error& reason);
  void note_full();

  BrokerOptions options;
  Shared shared;
  std::array<std::atomic<std::uint64_t>, kErrorCodes> handshake_failures{};
  std::vector<IoThread> io;
  std::size_t next_io = 0;  // door's thread, like last_full
  std::chrono::steady_clock::time_point last_full{};
  std::uint16_t port = 0, web_socket_port = 0;
  net::Loop door;
  Listeners listeners;
  std::thread door_thread;
  std::string skipped;  // why there is no listener on ::1
};

void Broker::Impl::accept(net::Loop& loop, std::unique_ptr<net::Stream> stream) {
  const auto at =
      std::find_if(io.begin(), io.end(), [&](const IoThread& each) { return &each.loop == &loop; });
  at->hub->accept(std::move(stream), false);
}

void Broker::Impl::refuse(const std::string& peer_name, const dxl::Error& reason) {
  ++handshake_failures[static_cast<std::size_t>(reason.code)];
  if (reason.code == ErrorCode::kTimedOut) shared.counters.count(Limit::kHandshakeSeconds);
  if (reason.code == ErrorCode::kLimitExceeded) shared.counters.count(Limit::kUpgradeBytes);
  const std::string_view limit = reason.code == ErrorCode::kTimedOut        ? " (handshake_seconds)"
                                 : reason.code == ErrorCode::kLimitExceeded ? " (upgrade_bytes)"
                                                                            : "";
  // Without the port: it changes with each attempt.
  const std::string host = peer_name.substr(0, peer_name.rfind(':'));
  base::log_event(LogLevel::kInfo, "broker", "client.refused", host,
                  {{"client", peer_name}, {"reason", to_string(reason.code)}},
                  fmt::format("client {} refused: {}{}", peer_name, reason.message, limit));
}

// On the door's thread.
void Broker::Impl::note_full() {
  shared.counters.count(Limit::kHandshakes);
  const auto now = std::chrono::steady_clock::now();
  if (now - last_full < kFullLogInterval) return;
  last_full = now;
  base::log(LogLevel::kWarning, "broker",
            "new clients wait: {} handshakes are under way (handshakes)",
            options.limits.handshakes);
}

dxl::Result<Listeners> Broker::Impl::open_listeners(std::uint16_t wanted, bool web_socket) {
  Listeners opened;
  net::ListenerOptions listener_options;
  listener_options.port = wanted;
  listener_options.tls = options.tls;
  listener_options.web_socket = web_socket;
  listener_options.handshakes = options.limits.handshakes;
  listener_options.handshake_deadline = options.limits.handshake_deadline;
  listener_options.on_full = [this] { note_full(); };
  for (const std::string& address : options.listen_addresses) {
    listener_options.address = address;
    auto listener = net::Listener::open(
        door, listener_options, [this]() -> net::Loop& { return place(); },
        [this](net::Loop& loop, std::unique_ptr<net::Stream> stream) {
          accept(loop, std::move(stream));
        },
        [this](const std::string& peer, const dxl::Error& reason) { refuse(peer, reason); });
    if (listener) {
      listener_options.port = (*listener)->port();
      opened.push_back(*std::move(listener));
    } else if (address == "::1" && !opened.empty()) {
      skipped = listener.error().message;
    } else {
      return dxl::fail(std::move(listener).error());
    }
  }
  if (opened.empty())
    return dxl::fail(ErrorCode::kInvalidArgument, "listen_addresses: no address to listen on");
  return opened;
}

dxl::Result<std::uint16_t> Broker::Impl::listen(std::uint16_t wanted, bool web_socket) {
  for (int attempt = 1;; ++attempt) {
    auto opened = open_listeners(wanted, web_socket);
    const bool complete = opened && opened->size() == options.listen_addresses.size();
    if (!complete && wanted == 0 && attempt < kPortAttempts) continue;
    if (!opened) return dxl::fail(std::move(opened).error());
    if (!complete) base::log(LogLevel::kWarning, "broker", "not listening on ::1: {}", skipped);
    const std::uint16_t bound = opened->front()->port();
    std::move(opened->begin(), opened->end(), std::back_inserter(listeners));
    return bound;
  }
}

void Broker::Impl::make_hubs(fabric::Authorization authorization) {
  fabric::RouterOptions router;
  router.broker_id = options.broker_id;
  router.start_time = base::SystemClock().epoch_seconds();
  router.host_name = host_name();
  router.port = port;
  router.web_socket_port = web_socket_port;
  router.connection_limit = options.limits.connections;
  router.service_zones = options.service_zones;
  router.send_connect_events = options.send_connect_events;
  router.test_mode = options.test_mode;
  std::vector<Hub*> hubs;
  for (IoThread& each : io) {
    each.hub = std::make_unique<Hub>(each.loop, hubs.size(), shared, router, options.message_sample,
                                     authorization);
    each.hub->apply(fabric::RevocationsReplaced{options.revocations}, nullptr);
    hubs.push_back(each.hub.get());
  }
  shared.replicas.set_hubs(std::move(hubs));
}

void Broker::Impl::start_threads() {
  for (IoThread& each : io) {
    each.hub->start();
    each.thread = std::thread([&loop = each.loop] { loop.run(); });
  }
  door_thread = std::thread([this] {
    // Of this thread alone, on Linux. Not being allowed to is no harm.
    [[maybe_unused]] const int old = ::nice(kDoorNiceness);
    door.run();
  });
}

void Broker::Impl::stop() {
  call(door, [this] { listeners.clear(); });
  door.stop();
  door_thread.join();
  std::vector<std::promise<void>> empty(io.size());
  for (std::size_t i = 0; i < io.size(); ++i)
    io[i].loop.post([hub = io[i].hub.get(), &left = empty[i]] {
      hub->shut_down([&left] { left.set_value(); });
    });
  for (auto& left : empty) left.get_future().wait();
  for (IoThread& each : io) each.loop.stop();
  for (IoThread& each : io) each.thread.join();
}

dxl::Result<std::unique_ptr<Broker>> Broker::start(BrokerOptions options,
                                                   fabric::Authorization authorization) {
  if (options.threads < 1 || options.threads > kMaxThreads)
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("threads: expected 1 to {}", kMaxThreads));
  auto impl = std::make_unique<Impl>(std::move(options));
  auto port = impl->listen(impl->options.port, false);
  if (!port) return dxl::fail(std::move(port).error());
  impl->port = *port;
  if (impl->options.web_socket_port) {
    port = impl->listen(*impl->options.web_socket_port, true);
    if (!port) return dxl::fail(std::move(port).error());
    impl->web_socket_port = *port;
  }
  impl->shared.on_revocation = impl->options.on_revocation;
  impl->shared.on_client = impl->options.on_client;
  impl->make_hubs(std::move(authorization));
  if (!impl->options.tls)
    base::log(LogLevel::kWarning, "broker",
              "plain TCP: every client is anonymous, for benchmarks only");
  impl->start_threads();
  return std::unique_ptr<Broker>(new Broker(std::move(impl)));
}

Broker::Broker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Broker::~Broker() { impl_->stop(); }

std::uint16_t Broker::port() const { return impl_->port; }
std::uint16_t Broker::web_socket_port() const { return impl_->web_socket_port; }

std::unique_ptr<net::Stream> Broker::attach_service(net::Loop& client_loop,
                                                    std::vector<net::PeerCertificate> chain) {
  IoThread& first = impl_->io.front();
  // Each end reports the chain given for it: the broker's end that of the service.
  auto [client_end, broker_end] =
      net::make_in_process_pair(client_loop, {}, first.loop, std::move(chain));
  // A task must be copyable.
  auto shared = std::make_shared<std::unique_ptr<net::Stream>>(std::move(broker_end));
  first.loop.post([hub = first.hub.get(), shared] { hub->accept(std::move(*shared), true); });
  return std::move(client_end);
}

void Broker::Impl::commit(fabric::Change change) {
  std::promise<void> applied;
  IoThread& first = io.front();
  first.loop.post(
      [&] { first.hub->commit(std::move(change), [&applied] { applied.set_value(); }); });
  applied.get_future().wait();
}

void Broker::set_service_chain(const std::vector<net::PeerCertificate>& chain) {
  fabric::ServiceIdentityReplaced change;
  for (const net::PeerCertificate& certificate : chain)
    change.chain.push_back({certificate.sha1, certificate.sha256});
  if (!chain.empty()) change.subject = chain.back().subject;
  impl_->commit(std::move(change));
}

void Broker::set_revocations(fabric::RevocationList list) {
  impl_->commit(fabric::RevocationsReplaced{std::move(list)});
}

void Broker::set_tls(std::shared_ptr<const net::TlsContext> tls) {
  call(impl_->door, [&] {
    for (const auto& listener : impl_->listeners) listener->set_tls(tls);
  });
}

void Broker::set_authorization(fabric::Authorization authorization) {
  auto shared = std::make_shared<const fabric::Authorization>(std::move(authorization));
  impl_->commit(fabric::AuthorizationReplaced{shared});
  const fabric::Policy& policy = shared->policy();
  base::log_event(
      LogLevel::kInfo, "broker", "policy.reloaded", "", {},
      fmt::format("authorization: {} member{}, {} topic rule{} and the profile \"{}\" are in force",
                  policy.members.size(), policy.members.size() == 1 ? "" : "s", policy.rules.size(),
                  policy.rules.size() == 1 ? "" : "s", fabric::to_string(policy.profile)));
}

void Broker::reconfigure(const LiveOptions& options) {
  for (IoThread& each : impl_->io)
    call(each.loop, [&] {
      each.hub->set_limits(options.limits);
      return true;
    });
  impl_->commit(fabric::OptionsReplaced{options.limits.connections, options.send_connect_events,
                                        options.test_mode});
}

BrokerStatus Broker::status() const {
  BrokerStatus status;
  std::array<std::uint64_t, fabric::kRefusalCount> refusals{};
  for (IoThread& each : impl_->io) {
    const Hub::Status part = call(each.loop, [&each] { return each.hub->status(); });
    status.connections = part.connections;
    status.services = part.services;
    status.messages_in += part.messages_in;
    status.messages_out += part.messages_out;
    status.refused_publishes += part.refused_publishes;
    status.dropped_messages += part.dropped_messages;
    status.connects += part.connects;
    status.bytes_in += part.bytes_in;
    status.bytes_out += part.bytes_out;
    for (std::size_t i = 0; i < refusals.size(); ++i) refusals[i] += part.refusals[i];
  }
  for (std::size_t i = 1; i < refusals.size(); ++i)  // 0 is kNone
    status.refusals.emplace_back(static_cast<fabric::Refusal>(i), refusals[i]);
  for (std::size_t i = 0; i < kErrorCodes; ++i)
    status.handshake_failures.emplace_back(static_cast<ErrorCode>(i),
                                           impl_->handshake_failures[i].load());
  status.request_times = impl_->shared.request_times.snapshot();
  status.buffered_bytes = impl_->shared.budget->used;
  for (std::size_t i = 0; i < kLimitCount; ++i) {
    const auto limit = static_cast<Limit>(i);
    status.limits.emplace_back(limit, impl_->shared.counters.hits(limit));
  }
  return status;
}

}  // namespace tiara::broker
