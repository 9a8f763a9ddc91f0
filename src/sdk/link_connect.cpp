// How a Link comes to its connection and leaves it: the one reconnect loop, and the clean stop.
#include <algorithm>

#include "sdk/link_impl.hpp"

namespace tiara::sdk {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

constexpr std::chrono::milliseconds kStopDrain{2'000};
constexpr std::chrono::milliseconds kDrainCheck{5};
constexpr std::chrono::milliseconds kConnectorGrace{500};

std::chrono::milliseconds since(base::SteadyTime begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               begin);
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

}  // namespace

void Link::Impl::begin_attempt() {
  if (!wanted || connecting || connection || stopping()) return;
  retry_timer.reset();
  connecting = true;
  if (failures_in_pass == 0 && options.begin_pass) {
    options.begin_pass(std::exchange(had_connection, false));
  }
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

void Link::Impl::on_closed(net::Connection& closed, const dxl::Error& reason) {
  if (&closed == connection.get()) connection_lost(reason);
}

void Link::Impl::on_ready() {
  attempt_timer.reset();
  progress.set(Progress::Step::kNone);
  failures_in_pass = 0;
  had_connection = true;
  ready_since = now();
  is_connected = true;
  log(LogLevel::kInfo, "connected to {}", peer);
  arm_tick(now());
  events.on_connected();
}

void Link::Impl::on_refused(const dxl::Error& why) {
  if (connection) connection->close(why);
}

}  // namespace tiara::sdk
