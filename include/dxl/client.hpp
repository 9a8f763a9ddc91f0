// A client of the DXL fabric: requests, events, services. Thread-safe unless a function says
// otherwise.
//
// Threads: one network thread and `callback_threads` pool threads belong to the client. User
// callbacks run on the pool only, so they may block and may call the client, except that
// disconnect() and destruction inside a callback are refused. Callbacks that throw are caught,
// logged and counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dxl/client_config.hpp"
#include "dxl/message.hpp"
#include "dxl/result.hpp"

#pragma GCC visibility push(default)
namespace dxl {

struct ClientOptions {
  // What connect() waits for, over all brokers of the configuration.
  std::chrono::milliseconds connect_timeout{30'000};
  // Deadline of one attempt at one address: TCP, TLS, CONNACK and the reply topic's SUBACK.
  std::chrono::milliseconds attempt_timeout{10'000};
  // MQTT keepalive; a silent broker is noticed after 1.5 times this. The original's 30 minutes are
  // too long behind NAT.
  std::chrono::seconds keep_alive{60};
  // Back-off of the one reconnect loop: doubles from first to max, jittered by up to 25 %, reset
  // only after a connection has lasted `reconnect_reset_after`.
  std::chrono::milliseconds reconnect_first{1'000};
  std::chrono::milliseconds reconnect_max{60'000};
  std::chrono::milliseconds reconnect_reset_after{10'000};
  bool reconnect = true;
  // Pool threads; with 1, callbacks run in order of arrival.
  std::size_t callback_threads = 1;
  // Incoming messages waiting for the pool; beyond it the newest event is dropped and counted, and
  // a request is answered with "service is overloaded". The network thread never blocks on it.
  std::size_t incoming_queue = 16'384;
};

class Client;

// Keeps a callback registered; destroying it unregisters (and unsubscribes with the last one on the
// topic) and returns when the callback is not running any more, unless it is destroyed inside a
// callback. May outlive the client.
class Subscription {
 public:
  Subscription() = default;
  Subscription(Subscription&&) noexcept = default;
  Subscription& operator=(Subscription&&) noexcept = default;
  ~Subscription() = default;
  explicit Subscription(std::shared_ptr<void> token) : token_(std::move(token)) {}
  void reset() { token_.reset(); }

 private:
  std::shared_ptr<void> token_;
};

// Keeps a service registered and refreshed; destroying it unregisters, then unsubscribes, both in
// the background, and returns when its callbacks are not running any more, unless it is destroyed
// inside a callback. May outlive the client.
class ServiceRegistration {
 public:
  ServiceRegistration() = default;
  ServiceRegistration(ServiceRegistration&&) noexcept = default;
  ServiceRegistration& operator=(ServiceRegistration&&) noexcept = default;
  ~ServiceRegistration() = default;
  ServiceRegistration(ServiceId id, std::shared_ptr<void> token)
      : id_(std::move(id)), token_(std::move(token)) {}
  const ServiceId& id() const { return id_; }
  void reset() { token_.reset(); }

 private:
  ServiceId id_;
  std::shared_ptr<void> token_;
};

// Names one request that is under way; copies name the same one. Destroying it changes nothing.
// May outlive the client.
class RequestHandle {
 public:
  RequestHandle() = default;
  explicit RequestHandle(std::function<void()> cancel) : cancel_(std::move(cancel)) {}
  // The request ends with kCancelled, unless it has ended. Never blocks; any thread, also inside a
  // callback.
  void cancel() const {
    if (cancel_) cancel_();
  }

 private:
  std::function<void()> cancel_;
};

struct ServiceInfo {
  std::string service_type;  // by convention topic-like, "/mycompany/myservice"
  std::map<std::string, std::string> metadata{};
  std::chrono::minutes ttl{60};  // at least 1; refreshed at three quarters of it
};

// Since the client was made.
struct ClientStats {
  std::uint64_t dropped_events = 0;       // the incoming queue was full
  std::uint64_t overloaded_requests = 0;  // the same; answered "service is overloaded"
  std::uint64_t callback_exceptions = 0;
};

using EventCallback = std::function<void(const Event&)>;
using ReplyCallback = std::function<void(Result<Reply>)>;
// Answers through Client::send_response or send_error; may do so later from another thread.
using RequestCallback = std::function<void(const Request&)>;

class Client {
 public:
  // Checks certificates and key; connects nothing. kConfiguration or kTls names the file.
  static Result<std::unique_ptr<Client>> create(ClientConfig config, ClientOptions options = {});
  ~Client();  // disconnects; outstanding requests end with kCancelled

  // Blocks until connected and subscribed to the reply topic, or until connect_timeout. Afterwards
  // a lost connection is re-established in the background, with all subscriptions and services.
  // kConnect, kTls, kNotAuthorised or kTimedOut says which address failed and how; nothing is tried
  // any more then. Without `reconnect`, one pass over the brokers is all.
  Result<void> connect();
  // Unregisters services, sends what is queued, closes. Outstanding requests end with kCancelled.
  // Subscriptions and services are remembered for the next connect(). Refused (kInvalidArgument)
  // inside a callback.
  Result<void> disconnect();
  bool connected() const;
  ClientId id() const;
  ClientStats stats() const;

  // Blocks for the reply or the deadline. An ErrorResponse is a value here: the peer's answer.
  // kTimedOut, kNotConnected (at once, or when the connection is lost before the answer),
  // kInvalidArgument, kLimitExceeded (payload over 16 MiB), kUnavailable (32 MiB wait to be sent),
  // kCancelled (`stop` was requested).
  Result<Reply> request(Request request,
                        std::chrono::milliseconds timeout = std::chrono::seconds(30),
                        std::stop_token stop = {});
  // `done` runs on the pool exactly once, at the latest when the deadline passes.
  RequestHandle async_request(Request request, std::chrono::milliseconds timeout,
                              ReplyCallback done);
  // The same as a future, which is always fulfilled, and never with an exception. It does not need
  // the pool, so that waiting for it inside a callback works.
  std::future<Result<Reply>> request_future(
      Request request, std::chrono::milliseconds timeout = std::chrono::seconds(30),
      std::stop_token stop = {});

  // Hands the event to the network thread. kNotConnected instead of losing it silently. Delivery is
  // at most once. The message id that goes out is returned.
  Result<MessageId> publish(Event event);
  // Blocks until everything handed over so far was acknowledged by a round trip to the broker.
  // kNotConnected: a connection was lost with events on it that were not acknowledged.
  Result<void> flush(std::chrono::milliseconds timeout = std::chrono::seconds(10));
  // The two in one, for this event alone: whatever happened to others before it does not matter.
  Result<MessageId> publish_confirmed(Event event,
                                      std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // `topic` may be exact or a filter with `#` or `+` (MQTT's rules); subscribes by itself. Blocks
  // for the SUBACK when connected. An event that several filters match reaches each callback once.
  Result<Subscription> add_event_callback(std::string topic, EventCallback callback);

  // Subscribes the topics, then registers, and waits for the broker's answer; refreshes and
  // re-registers by itself. On failure (kNotConnected, kTimedOut, kPeer) nothing stays behind.
  Result<ServiceRegistration> register_service(ServiceInfo info,
                                               std::map<std::string, RequestCallback> topics);
  // kNotConnected, kInvalidArgument: the request has no usable reply topic, or `code` has bit 31,
  // which belongs to the fabric: brokers would remove the service.
  Result<void> send_response(const Request& to, std::string payload);
  Result<void> send_error(const Request& to, std::uint32_t code, std::string message);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dxl
#pragma GCC visibility pop
