#include "sdk/link.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "base/log.hpp"
#include "base/ports.hpp"
#include "net/connection.hpp"
#include "sdk/progress.hpp"
#include "sdk/reasons.hpp"
#include "session/session.hpp"

namespace tiara::sdk {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

constexpr std::chrono::milliseconds kStopDrain{2'000};
constexpr std::chrono::milliseconds kDrainCheck{5};
constexpr std::chrono::milliseconds kConnectorGrace{500};

base::SteadyTime now() { return std::chrono::steady_clock::now(); }

std::chrono::milliseconds since(base::SteadyTime begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now() - begin);
}

// Of several failures, the kind a user should look at first.
int weight(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTls:
      return 3;
    case ErrorCode::kNotAuthorised:
      return 2;
    case ErrorCode::kConnect:
      return 1;
    default:
      return 0;
  }
}

using RequestDone = std::function<void(dxl::Result<dxl::Reply>)>;
using Done = std::function<void(dxl::Result<void>)>;

}  // namespace

struct Link::Impl final : net::ConnectionHandler, session::SessionEvents {
  net::Loop loop;  // first, so that it goes last
  LinkOptions options;
  Connector connector;
  LinkEvents& events;
  base::SystemRandom random;
  session::Session session;
  session::Backoff backoff;

  std::atomic<bool> is_connected{false};
  mutable std::mutex error_mutex;
  std::optional<dxl::Error> error;  // of the last pass or connection
  Progress progress;

  // All below belongs to the network thread.
  bool wanted = false;
  std::uint64_t attempt = 0;  // results of older attempts are ignored
  bool connecting = false;    // the connector has not answered
  std::shared_ptr<net::Connection> connection;
  std::string peer;
  base::SteadyTime ready_since{};
  std::size_t failures_in_pass = 0;
  dxl::Error pass_error{};
  Reasons reasons;  // of this pass
  std::unique_ptr<net::Loop::Timer> attempt_timer, retry_timer, tick_timer, drain_timer;
  base::SteadyTime tick_at = base::SteadyTime::max();
  std::vector<std::function<void()>> stop_waiters;  // not empty: stopping
  base::SteadyTime stop_deadline{};
  base::SteadyTime attempt_began{};

  session::RequestToken last_token = 0;
  absl::flat_hash_map<session::RequestToken, RequestDone> requests;
  struct PendingSubscription {
    std::string filter;
    std::vector<Done> done;
  };
  absl::flat_hash_map<std::uint16_t, PendingSubscription> subacks;
  struct Ping {
    std::uint64_t number;
    base::SteadyTime deadline;
    Done done;
  };
  std::deque<Ping> pings;
  std::uint64_t dropped = 0;
  std::uint64_t undecodable = 0;
  std::string no_output;

  std::thread thread;

  Impl(LinkOptions o, Connector c, LinkEvents& e)
      : options(std::move(o)),
        connector(std::move(c)),
        events(e),
        session({.client_id = options.client_id, .keep_alive = options.keep_alive}, *this, random),
        backoff(options.backoff) {}

  template <class... Args>
  void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    base::log(level, options.name, format, std::forward<Args>(args)...);
  }

  // Where packets go; the session appends nothing while there is no connection.
  std::string& output() {
    if (!connection) return no_output;
    connection->flush_later();
    return connection->output();
  }

  bool stopping() const { return !stop_waiters.empty(); }

  // The reconnect loop.
  void begin_attempt();
  void on_stream(dxl::Result<std::unique_ptr<net::Stream>> stream);
  void attempt_failed(dxl::Error why);
  void pass_failed();
  void connection_lost(const dxl::Error& why);
  void retry_later();
  void begin_stop(std::function<void()> done);
  void drain();
  void finish_stop();

  // The clock.
  void arm_tick(base::SteadyTime at);
  void tick();
  base::SteadyTime expire_pings();
  void fail_waiters();

  void on_open(net::Connection& opened) override;
  std::size_t on_bytes(net::Connection& from, std::string_view bytes) override;
  void on_closed(net::Connection& closed, const dxl::Error& reason) override;

  void on_ready() override;
  void on_refused(const dxl::Error& why) override;
  void on_reply(session::RequestToken token, dxl::Result<dxl::Reply> reply) override;
  void on_message(std::string_view topic, const dxl::MessageView& message) override {
    events.on_message(topic, message);
  }
  void on_undecodable(std::string_view topic, const dxl::Error& why) override;
  void on_suback(std::uint16_t packet_id, bool granted) override;
  void on_unsuback(std::uint16_t) override {}
  void on_pong(std::uint64_t ping) override;
};

void Link::Impl::begin_attempt() {
  if (!wanted || connecting || connection || stopping()) return;
  retry_timer.reset();
  connecting = true;
  peer.clear();
  const std::uint64_t number = ++attempt;
  attempt_began = now();
  // The connector keeps the deadline itself and knows the address; this is for one that does not.
  attempt_timer = loop.schedule(options.attempt_timeout + kConnectorGrace, [this] {
    ++attempt;
    attempt_failed({ErrorCode::kTimedOut, "no connection was there in time"});
  });
  std::string target = connector(loop, options.attempt_timeout,
                                 [this, number](dxl::Result<std::unique_ptr<net::Stream>> stream) {
                                   if (number == attempt && connecting)
                                     return on_stream(std::move(stream));
                                   if (stream) (*stream)->close();  // too late
                                 });
  if (number == attempt && connecting) progress.set(Progress::Step::kTcp, std::move(target));
}

void Link::Impl::on_stream(dxl::Result<std::unique_ptr<net::Stream>> stream) {
  connecting = false;
  if (!stream) return attempt_failed(std::move(stream.error()));
  peer = (*stream)->peer_name();
  progress.set(Progress::Step::kTls, peer);
  net::ConnectionLimits limits;
  limits.handshake_deadline = options.attempt_timeout;
  // Only the broker stops reading a peer that does not drain: if both ends did, neither would
  // again.
  limits.output_high_water = net::kNoHighWater;
  connection = net::Connection::start(loop, std::move(*stream), *this, limits);
  attempt_timer = loop.schedule(options.attempt_timeout - since(attempt_began), [this] {
    connection->close({ErrorCode::kTimedOut, fmt::format("{} within {} ms", progress.missing(),
                                                         options.attempt_timeout.count())});
  });
}

void Link::Impl::attempt_failed(dxl::Error why) {
  connecting = false;
  attempt_timer.reset();
  progress.set(Progress::Step::kNone);
  if (stopping()) return finish_stop();
  if (why.code == ErrorCode::kNotConnected) why.code = ErrorCode::kConnect;  // never was
  if (failures_in_pass == 0) reasons.clear();
  reasons.add(peer, why.message);
  if (failures_in_pass == 0 || weight(why.code) > weight(pass_error.code))
    pass_error.code = why.code;
  pass_error.message = reasons.text();
  if (++failures_in_pass >= options.addresses) return pass_failed();
  loop.post([this] { begin_attempt(); });
}

void Link::Impl::pass_failed() {
  failures_in_pass = 0;
  {
    const std::lock_guard lock(error_mutex);
    error = pass_error;
  }
  log(LogLevel::kWarning, "cannot connect: {}", pass_error.message);
  retry_later();
  if (!options.reconnect) {
    wanted = false;
    events.on_gave_up(pass_error);
  }
}

void Link::Impl::retry_later() {
  if (!options.reconnect || !wanted) return;
  const auto delay = backoff.next(random);
  log(LogLevel::kInfo, "trying again in {} ms", delay.count());
  retry_timer = loop.schedule(delay, [this] { begin_attempt(); });
}

void Link::Impl::connection_lost(const dxl::Error& why) {
  connection.reset();
  const bool was_ready = is_connected.exchange(false);
  fail_waiters();
  if (!was_ready) return attempt_failed(why);
  backoff.connection_lasted(since(ready_since));
  {
    const std::lock_guard lock(error_mutex);
    error = why;
  }
  if (!stopping()) log(LogLevel::kWarning, "lost the connection to {}: {}", peer, why.message);
  events.on_disconnected(why);
  if (stopping()) return finish_stop();
  retry_later();
  if (!options.reconnect) {
    wanted = false;
    events.on_gave_up(why);
  }
}

// Everybody who waits for the broker hears that it will not answer.
void Link::Impl::fail_waiters() {
  session.stop();
  for (auto& [id, pending] : std::exchange(subacks, {})) {
    for (const Done& done : pending.done) done({});  // remembered: sent after the reconnect
  }
  const dxl::Error why{stopping() ? ErrorCode::kCancelled : ErrorCode::kNotConnected,
                       "the connection was lost before the broker answered"};
  for (const Ping& ping : std::exchange(pings, {})) ping.done(dxl::fail(why));
}

void Link::Impl::begin_stop(std::function<void()> done) {
  wanted = false;
  retry_timer.reset();
  stop_waiters.push_back(std::move(done));
  if (stop_waiters.size() > 1) return;
  if (connecting) {
    ++attempt;
    connecting = false;
    attempt_timer.reset();
    progress.set(Progress::Step::kNone);
  }
  if (!connection) {
    fail_waiters();
    return finish_stop();
  }
  session.disconnect(output());
  stop_deadline = now() + kStopDrain;
  loop.post([this] { drain(); });
}

void Link::Impl::drain() {
  if (!connection) return;
  if (session.ready() && connection->unsent_bytes() > 0 && now() < stop_deadline) {
    drain_timer = loop.schedule(kDrainCheck, [this] { drain(); });
    return;
  }
  connection->close({ErrorCode::kCancelled, "the client disconnects"});
}

void Link::Impl::finish_stop() {
  for (const auto& done : std::exchange(stop_waiters, {})) done();
  loop.post([this] { begin_attempt(); });  // if start() came meanwhile
}

void Link::Impl::on_open(net::Connection& opened) {
  if (&opened != connection.get()) return;
  progress.set(Progress::Step::kSession, peer);
  session.start(output(), now());
}

std::size_t Link::Impl::on_bytes(net::Connection& from, std::string_view bytes) {
  if (&from != connection.get() || from.closing()) return bytes.size();
  const std::size_t consumed = session.on_bytes(bytes, from.output(), now());
  from.flush_later();
  return consumed;
}

void Link::Impl::on_closed(net::Connection& closed, const dxl::Error& reason) {
  if (&closed == connection.get()) connection_lost(reason);
}

void Link::Impl::on_ready() {
  attempt_timer.reset();
  progress.set(Progress::Step::kNone);
  failures_in_pass = 0;
  ready_since = now();
  is_connected = true;
  log(LogLevel::kInfo, "connected to {}", peer);
  arm_tick(now());
  events.on_connected();
}

void Link::Impl::on_refused(const dxl::Error& why) {
  if (connection) connection->close(why);
}

void Link::Impl::on_reply(session::RequestToken token, dxl::Result<dxl::Reply> reply) {
  const auto found = requests.find(token);
  if (found == requests.end()) return;
  const RequestDone done = std::move(found->second);
  requests.erase(found);
  if (!reply && reply.error().code == ErrorCode::kNotConnected && stopping()) {
    return done(dxl::fail(ErrorCode::kCancelled, "the client disconnected before the answer came"));
  }
  done(std::move(reply));
}

void Link::Impl::on_undecodable(std::string_view topic, const dxl::Error& why) {
  if (!std::has_single_bit(++undecodable)) return;  // 1, 2, 4, 8, …
  log(LogLevel::kWarning, "dropped a message on {} that is not DXL: {} ({} so far)", topic,
      why.message, undecodable);
}

void Link::Impl::on_suback(std::uint16_t packet_id, bool granted) {
  const auto found = subacks.find(packet_id);
  if (found == subacks.end()) {
    if (!granted) log(LogLevel::kWarning, "the broker refused a subscription it had granted");
    return;
  }
  const PendingSubscription pending = std::move(found->second);
  subacks.erase(found);
  for (const Done& done : pending.done) {
    if (granted) {
      done({});
      continue;
    }
    session.remove_subscription(pending.filter, output());
    done(dxl::fail(ErrorCode::kNotAuthorised,
                   "the broker refused the subscription to " + pending.filter));
  }
}

void Link::Impl::on_pong(std::uint64_t number) {
  while (!pings.empty() && pings.front().number <= number) {
    const Done done = std::move(pings.front().done);
    pings.pop_front();
    done({});
  }
}

void Link::Impl::arm_tick(base::SteadyTime at) {
  if (at >= tick_at) return;
  tick_at = at;
  tick_timer = loop.schedule(at - now(), [this] { tick(); });
}

void Link::Impl::tick() {
  tick_at = base::SteadyTime::max();
  const base::SteadyTime next = session.tick(now(), output());
  arm_tick(std::min(next, expire_pings()));
}

base::SteadyTime Link::Impl::expire_pings() {
  base::SteadyTime next = base::SteadyTime::max();
  for (std::size_t i = 0; i < pings.size();) {
    if (pings[i].deadline > now()) {
      next = std::min(next, pings[i++].deadline);
      continue;
    }
    const Done done = std::move(pings[i].done);
    pings.erase(pings.begin() + static_cast<std::ptrdiff_t>(i));
    done(dxl::fail(ErrorCode::kTimedOut, "the broker did not answer a ping before the deadline"));
  }
  return next;
}

Link::Link(LinkOptions options, Connector connector, LinkEvents& events)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(connector), events)) {
  impl_->thread = std::thread([this] {
    constexpr std::size_t kThreadName = 15;  // Linux's limit
    pthread_setname_np(pthread_self(), impl_->options.name.substr(0, kThreadName).c_str());
    impl_->loop.run();
  });
}

Link::~Link() {
  stop();
  impl_->loop.stop();
  impl_->thread.join();
}

void Link::start() {
  post([this] {
    impl_->wanted = true;
    impl_->begin_attempt();
  });
}

void Link::stop() {
  const auto stopped = std::make_shared<std::promise<void>>();
  post([this, stopped] { impl_->begin_stop([stopped] { stopped->set_value(); }); });
  stopped->get_future().wait();  // bounded by kStopDrain
}

bool Link::connected() const { return impl_->is_connected; }

dxl::Error Link::last_error() const {
  const std::lock_guard lock(impl_->error_mutex);
  const std::string waits = impl_->progress.text();
  if (!impl_->error)
    return waits.empty() ? dxl::Error{ErrorCode::kNotConnected, "nothing was tried yet"}
                         : dxl::Error{ErrorCode::kTimedOut, waits};
  dxl::Error why = *impl_->error;
  if (!waits.empty()) why.message += "; now " + waits;
  return why;
}

void Link::post(std::function<void()> task) { impl_->loop.post(std::move(task)); }
net::Loop& Link::loop() { return impl_->loop; }

void Link::send(std::string_view topic, const dxl::MessageView& message) {
  Impl& link = *impl_;
  const bool room = link.connection && !link.connection->above_limit();
  if (room && link.session.send(topic, message, link.output())) return;
  if (!std::has_single_bit(++link.dropped)) return;  // 1, 2, 4, 8, …
  link.log(LogLevel::kWarning, "could not send a message to {}: {} ({} so far)", topic,
           !link.session.ready() ? "not connected"
           : !room               ? "too much waits to be sent"
                                 : "not a topic one may send to",
           link.dropped);
}

void Link::request(std::string_view topic, const dxl::MessageView& request,
                   std::chrono::milliseconds timeout, RequestDone done) {
  Impl& link = *impl_;
  if (link.connection && link.connection->above_limit()) {
    return done(dxl::fail(ErrorCode::kUnavailable, "too much waits to be sent to the broker"));
  }
  const session::RequestToken token = ++link.last_token;
  const base::SteadyTime deadline = now() + timeout;
  link.requests.emplace(token, std::move(done));
  link.session.send_request(token, topic, request, deadline, link.output());
  link.arm_tick(deadline);
}

void Link::subscribe(std::string_view filter, Done done) {
  Impl& link = *impl_;
  const std::uint16_t id = link.session.add_subscription(filter, link.output());
  if (id != 0) {
    link.subacks.insert_or_assign(id, Impl::PendingSubscription{std::string(filter), {}});
    link.subacks[id].done.push_back(std::move(done));
    return;
  }
  for (auto& [pending_id, pending] : link.subacks) {
    if (pending.filter == filter) return pending.done.push_back(std::move(done));
  }
  done({});
}

void Link::unsubscribe(std::string_view filter) {
  impl_->session.remove_subscription(filter, impl_->output());
}

void Link::ping(std::chrono::milliseconds timeout, Done done) {
  Impl& link = *impl_;
  const std::uint64_t number = link.session.ping(link.output());
  if (number == 0) return done(dxl::fail(ErrorCode::kNotConnected, "not connected"));
  const base::SteadyTime deadline = now() + timeout;
  link.pings.push_back({number, deadline, std::move(done)});
  link.arm_tick(deadline);
}

std::size_t Link::unsent_bytes() const {
  return impl_->connection ? impl_->connection->unsent_bytes() : 0;
}

}  // namespace tiara::sdk
