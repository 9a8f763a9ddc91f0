// The fabric broker: listeners and connections around the pure router. One I/O thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "fabric/authorization.hpp"
#include "net/connection.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

namespace tiara::broker {

// Limits a hostile peer meets, each with its name in the log line that closes a connection.
struct BrokerLimits {
  std::size_t message_bytes = 1024 * 1024;  // remaining length of any packet but CONNECT
  std::size_t connect_bytes = 4 * 1024;     // remaining length of CONNECT
  std::size_t connections = 60'000;
  std::size_t subscriptions_per_client = 10'000;
  // Unsent bytes above which requests for a client are answered "service is overloaded": whoever
  // asks too fast hears it, not the service. Well below connection.output_limit.
  std::size_t request_backlog = 8 * 1024 * 1024;
  std::chrono::seconds keep_alive_max{3'600};  // a client that asks for more or for none gets this
  std::chrono::milliseconds connect_deadline{10'000};  // from accept to CONNECT
  net::ConnectionLimits connection{};
};

struct BrokerOptions {
  std::string broker_id;
  std::vector<std::string> listen_addresses{"127.0.0.1", "::1"};
  std::uint16_t port = 8883;  // 0: the kernel chooses, the same for all addresses
  std::shared_ptr<const net::TlsContext>
      tls;  // null: plain TCP without identities, for benchmarks only
  BrokerLimits limits{};
};

// A snapshot for the status answer.
struct BrokerStatus {
  std::uint64_t connections = 0, services = 0, messages_in = 0, messages_out = 0;
  std::uint64_t refused_publishes = 0;  // by any reason of fabric::Refusal but kNone
};

class Broker {
 public:
  // Opens the listeners and starts the I/O thread. kConnect when an address cannot be bound. `::1`
  // may be absent on the machine: that is logged, not an error, as long as one address works.
  static dxl::Result<std::unique_ptr<Broker>> start(BrokerOptions options,
                                                    fabric::Authorization authorization);
  ~Broker();  // closes everything, joins

  std::uint16_t port() const;
  net::Loop& loop();
  // A stream whose other end this broker serves like an accepted connection, with `chain` as its
  // identity and the built-in rights of our own TIE service. `client_loop` is the loop that will
  // use the returned end. Any thread.
  std::unique_ptr<net::Stream> attach_service(net::Loop& client_loop,
                                              std::vector<net::PeerCertificate> chain);
  // Any thread; returns once the router uses it.
  void set_authorization(fabric::Authorization authorization);
  BrokerStatus status() const;

 private:
  struct Impl;
  explicit Broker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::broker
