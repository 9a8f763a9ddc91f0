// One client's presence on a fabric: a network thread with a loop, one session, the connection
// under it, and the one reconnect loop. dxl::Client and the TIE service are both built on it; it is
// what makes them batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/client_config.hpp"
#include "dxl/message.hpp"
#include "dxl/message_codec.hpp"
#include "dxl/result.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"
#include "session/backoff.hpp"

namespace tiara::sdk {

// Makes the stream of one connection attempt, and returns where to ("host:port", or empty). Runs on
// the link's loop thread; calls `done` once, there. `make_tcp_connector` (below) walks the brokers
// of a configuration; `tiara up` hands in one end of an in-process pair.
using Connector =
    std::function<std::string(net::Loop& loop, std::chrono::milliseconds deadline,
                              std::function<void(dxl::Result<std::unique_ptr<net::Stream>>)> done)>;

// How a link comes to the brokers of a configuration; the last two belong into LinkOptions.
struct TcpRoute {
  Connector connector;
  std::function<void(bool after_connection)> begin_pass;
  std::size_t addresses = 1;
};
// Certificates are read once, here; kConfiguration or kTls names the file. MQTT or WebSockets over
// TLS, through the proxy if there is one. Each call tries the next address, host then ip of a
// broker, then from the front again. With several, the first call measures who answers fastest and
// puts them in that order; so does the first call behind a pass that failed.
dxl::Result<TcpRoute> make_tcp_route(const dxl::ClientConfig& config);
// The connector alone.
dxl::Result<Connector> make_tcp_connector(const dxl::ClientConfig& config);
// How many addresses that are: LinkOptions::addresses.
std::size_t count_addresses(const dxl::ClientConfig& config);

// All on the network thread; must not block. Views are valid during the call only.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void on_connected() = 0;  // first time and after every reconnect: subscribed again
  virtual void on_disconnected(
      const dxl::Error& why) = 0;  // the link goes on trying, unless stopping
  virtual void on_message(std::string_view topic,
                          const dxl::MessageView& message) = 0;  // events and requests
  // Without `reconnect` only: nothing more is tried until the next start().
  virtual void on_gave_up(const dxl::Error& /*why*/) {}
};

struct LinkOptions {
  std::string client_id;  // `{uuid}`
  std::string name;       // thread name and log area, "client", "tie"
  std::chrono::seconds keep_alive{60};
  std::chrono::milliseconds attempt_timeout{10'000};
  session::BackoffOptions backoff{};
  bool reconnect = true;
  // Attempts that make up one pass over the brokers. The next address is tried at once; the
  // back-off comes between passes.
  std::size_t addresses = 1;
  // Told when a pass begins, and whether a connection was there before it. Network thread.
  std::function<void(bool after_connection)> begin_pass{};
};

class Link {
 public:
  Link(LinkOptions options, Connector connector, LinkEvents& events);
  ~Link();  // stops and joins the network thread

  void start();  // begins connecting; any thread
  // DISCONNECT, sends what is queued (2 s at most), closes; outstanding requests end with
  // kCancelled. Returns when that is done; no event follows until the next start(). The network
  // thread lives on, so that post() always runs. Any thread but the network thread.
  void stop();
  bool connected() const;  // any thread
  // Why the last pass failed, every address named, and what the attempt under way waits for; any
  // thread.
  dxl::Error last_error() const;

  // Any thread; also while there is no connection.
  void post(std::function<void()> task);

  // Network thread only, from here on. Everything appended in one turn leaves in one write.
  net::Loop& loop();
  // Dropped and counted in the log when not connected or when 64 MiB wait to be sent.
  void send(std::string_view topic, const dxl::MessageView& message);
  // `done` runs on the network thread exactly once; before this returns if nothing can be sent.
  // Returns what cancel() takes.
  std::uint64_t request(std::string_view topic, const dxl::MessageView& request,
                        std::chrono::milliseconds timeout,
                        std::function<void(dxl::Result<dxl::Reply>)> done);
  // Ends that request with kCancelled, unless it has ended.
  void cancel(std::uint64_t request);
  // `done` after the SUBACK (at once if the filter was subscribed already, or when not connected:
  // it is sent then). kNotAuthorised: the broker refused, and the use is not counted.
  void subscribe(std::string_view filter, std::function<void(dxl::Result<void>)> done);
  void unsubscribe(std::string_view filter);
  // `done` after a PINGRESP that answers a ping sent behind everything appended so far.
  void ping(std::chrono::milliseconds timeout, std::function<void(dxl::Result<void>)> done);
  // Bytes appended that the network has not taken yet.
  std::size_t unsent_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::sdk
