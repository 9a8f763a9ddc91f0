// The client's side of a connection as a pure state machine: MQTT session, reply topic, request
// table, subscriptions. Bytes and calls in, bytes and completions out; no socket, clock or thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports.hpp"
#include "dxl/message.hpp"
#include "dxl/message_codec.hpp"
#include "dxl/result.hpp"

namespace tiara::session {

using RequestToken = std::uint64_t;  // the caller's name for one outstanding request

// What the session tells its owner. Called synchronously from inside the session's functions; must
// not call back in.
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  virtual void on_ready() = 0;  // CONNACK 0 and the reply topic's SUBACK
  virtual void on_refused(
      const dxl::Error& error) = 0;  // CONNACK said no, or the peer broke protocol
  virtual void on_reply(RequestToken token, dxl::Result<dxl::Reply> reply) = 0;
  virtual void on_message(std::string_view topic,
                          const dxl::MessageView& message) = 0;  // events and requests
  virtual void on_undecodable(std::string_view topic, const dxl::Error& error) = 0;
  virtual void on_suback(std::uint16_t packet_id, bool granted) = 0;
  virtual void on_unsuback(std::uint16_t packet_id) = 0;
  virtual void on_pong() = 0;
};

struct SessionOptions {
  std::string client_id;  // `{uuid}`
  std::chrono::seconds keep_alive{60};
  std::size_t max_packet_bytes = 8 * 1024 * 1024;
};

class Session {
 public:
  Session(SessionOptions options, SessionEvents& events);
  ~Session();

  // A new connection: appends CONNECT. Forgets half a packet of the old one; keeps subscriptions
  // and requests.
  void start(std::string& out, base::SteadyTime now);
  // The connection is gone: requests sent over it fail with kNotConnected.
  void stop();
  bool ready() const;

  // Consumes whole packets from `bytes`; returns how many bytes they were.
  std::size_t on_bytes(std::string_view bytes, std::string& out, base::SteadyTime now);

  // Fills in message id and reply topic, remembers the token, appends the PUBLISH.
  void send_request(RequestToken token, std::string_view topic, dxl::MessageView request,
                    base::SteadyTime deadline, std::string& out);
  void cancel_request(RequestToken token);
  void send(std::string_view topic, const dxl::MessageView& message, std::string& out);

  // Reference-counted; appends SUBSCRIBE with the first and UNSUBSCRIBE with the last use. 0 =
  // nothing was sent.
  std::uint16_t add_subscription(std::string_view filter, std::string& out);
  std::uint16_t remove_subscription(std::string_view filter, std::string& out);

  void ping(std::string& out);
  void disconnect(std::string& out);

  // Expires requests, sends keepalive, detects silence (kTimedOut through on_refused). Returns when
  // to call next.
  base::SteadyTime tick(base::SteadyTime now, std::string& out);

  std::string reply_topic() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::session
