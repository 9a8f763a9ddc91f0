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
#include "mqtt/packet.hpp"
#include "session/request_table.hpp"

namespace tiara::session {

// What the session tells its owner. Called synchronously from inside the session's functions; may
// send, request, subscribe and ping there (with the same `out`), but not start(), stop(),
// on_bytes() or tick().
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  virtual void on_ready() = 0;  // CONNACK 0 and the reply topic's SUBACK
  // CONNACK said no, or the peer broke protocol or fell silent. Nothing more is consumed until the
  // next start().
  virtual void on_refused(const dxl::Error& error) = 0;
  // Exactly once for each send_request() that was not cancelled.
  virtual void on_reply(RequestToken token, dxl::Result<dxl::Reply> reply) = 0;
  virtual void on_message(std::string_view topic,
                          const dxl::MessageView& message) = 0;  // events and requests
  virtual void on_undecodable(std::string_view topic, const dxl::Error& error) = 0;
  virtual void on_suback(std::uint16_t packet_id, bool granted) = 0;
  virtual void on_unsuback(std::uint16_t packet_id) = 0;
  virtual void on_pong(std::uint64_t ping) = 0;  // the number that ping() returned
  // A late, repeated or foreign answer, for the statistics.
  virtual void on_unexpected_answer() {}
};

struct SessionOptions {
  std::string client_id;  // `{uuid}`
  // Zero: no PINGREQ, no silence detection.
  std::chrono::seconds keep_alive{60};
  std::size_t max_packet_bytes = 8 * 1024 * 1024;
};

class Session {
 public:
  // `random` makes message ids; it and `events` must outlive the session.
  Session(SessionOptions options, SessionEvents& events, base::Random& random);
  ~Session();

  // A new connection: appends CONNECT. Keeps subscriptions; they are sent after the CONNACK, the
  // reply topic last, so that its SUBACK stands for all of them.
  void start(std::string& out, base::SteadyTime now);
  // The connection is gone: requests sent over it fail with kNotConnected.
  void stop();
  bool ready() const;
  // What the next start() speaks: MQTT 3.1.1, after a CONNACK 1 to it 3.1, and the other way round.
  mqtt::Version version() const;

  // Consumes whole packets from `bytes`; returns how many bytes they were.
  std::size_t on_bytes(std::string_view bytes, std::string& out, base::SteadyTime now);

  // Fills in message id (if empty) and reply topic, remembers the token, appends the PUBLISH. Fails
  // at once through on_reply: kNotConnected unless ready; kInvalidArgument for a topic that cannot
  // be published to, or an id or token that is outstanding.
  void send_request(RequestToken token, std::string_view topic, dxl::MessageView request,
                    base::SteadyTime deadline, std::string& out);
  // No on_reply follows.
  void cancel_request(RequestToken token);
  // Fills in the message id if empty. False, and nothing is appended: not ready, or a topic that
  // cannot be published to.
  bool send(std::string_view topic, dxl::MessageView message, std::string& out);

  // Reference-counted; appends SUBSCRIBE with the first and UNSUBSCRIBE with the last use. 0 =
  // nothing was sent: used already, or to be sent after the CONNACK. `filter` must be valid.
  std::uint16_t add_subscription(std::string_view filter, std::string& out);
  std::uint16_t remove_subscription(std::string_view filter, std::string& out);

  // Returns the ping's number, which on_pong repeats; 0 = nothing was sent, not ready.
  std::uint64_t ping(std::string& out);
  void disconnect(std::string& out);

  // Expires requests, sends keepalive, detects silence (kTimedOut through on_refused). Returns when
  // to call next at the latest; a new request may have an earlier deadline.
  base::SteadyTime tick(base::SteadyTime now, std::string& out);

  std::string reply_topic() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::session
