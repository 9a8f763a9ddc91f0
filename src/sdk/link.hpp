// One client's presence on a fabric: a network thread with a loop, one session, the connection
// under it, and the one reconnect loop. dxl::Client and the TIE service are both built on it; it is
// what makes them batch.
#pragma once

#include <chrono>
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

// Makes the stream of one connection attempt. Runs on the link's loop thread; calls `done` once,
// there. `make_tcp_connector` (below) walks the brokers of a configuration; `tiara up` hands in one
// end of an in-process pair.
using Connector =
    std::function<void(net::Loop& loop, std::chrono::milliseconds deadline,
                       std::function<void(dxl::Result<std::unique_ptr<net::Stream>>)> done)>;

// Kept certificates are read once; kConfiguration or kTls names the file. Brokers are tried in file
// order, host then ip.
dxl::Result<Connector> make_tcp_connector(const dxl::ClientConfig& config);

// All on the network thread; must not block. Views are valid during the call only.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void on_connected() = 0;  // first time and after every reconnect: subscribed again
  virtual void on_disconnected(
      const dxl::Error& why) = 0;  // the link goes on trying, unless stopping
  virtual void on_message(std::string_view topic,
                          const dxl::MessageView& message) = 0;  // events and requests
};

struct LinkOptions {
  std::string client_id;  // `{uuid}`
  std::string name;       // thread name and log area, "client", "tie"
  std::chrono::seconds keep_alive{60};
  std::chrono::milliseconds attempt_timeout{10'000};
  session::BackoffOptions backoff;
  bool reconnect = true;
};

class Link {
 public:
  Link(LinkOptions options, Connector connector, LinkEvents& events);
  ~Link();  // stops and joins the network thread

  void start();            // begins connecting; any thread
  void stop();             // flushes, DISCONNECT, closes, joins; any thread but the network thread
  bool connected() const;  // any thread
  dxl::Error last_error() const;  // why the last attempt failed; any thread

  // Any thread.
  void post(std::function<void()> task);

  // Network thread only, from here on. Everything appended in one turn leaves in one write.
  net::Loop& loop();
  void send(std::string_view topic, const dxl::MessageView& message);
  // `done` runs on the network thread exactly once.
  void request(std::string_view topic, const dxl::MessageView& request,
               std::chrono::milliseconds timeout,
               std::function<void(dxl::Result<dxl::Reply>)> done);
  // `done` after the SUBACK (at once if the filter was subscribed already, or when not connected:
  // it is sent then).
  void subscribe(std::string_view filter, std::function<void(dxl::Result<void>)> done);
  void unsubscribe(std::string_view filter);
  // `done` after a PINGRESP that answers a ping sent behind everything appended so far.
  void ping(std::chrono::milliseconds timeout, std::function<void(dxl::Result<void>)> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::sdk
