// A Link's inside, shared by its two halves: link_connect.cpp connects, reconnects and stops;
// link.cpp serves requests, subscriptions and pings on the connection that is there.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "base/log.hpp"
#include "base/ports.hpp"
#include "net/connection.hpp"
#include "sdk/link.hpp"
#include "sdk/progress.hpp"
#include "sdk/reasons.hpp"
#include "session/session.hpp"

namespace tiara::sdk {

struct Link::Impl final : net::ConnectionHandler, session::SessionEvents {
  using RequestDone = std::function<void(dxl::Result<dxl::Reply>)>;
  using Done = std::function<void(dxl::Result<void>)>;

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
  bool had_connection = false;  // since the last pass began
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
  void log(base::LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    base::log(level, options.name, format, std::forward<Args>(args)...);
  }

  // Where packets go; the session appends nothing while there is no connection.
  std::string& output() {
    if (!connection) return no_output;
    connection->flush_later();
    return connection->output();
  }

  static base::SteadyTime now() { return std::chrono::steady_clock::now(); }
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

}  // namespace tiara::sdk
