// The fabric broker: listeners and connections around the pure router.
//
// Threads: one for the door, where peers are accepted and shake hands, so that a crowd at the door
// does not delay those inside; and `threads` I/O threads, each with its own connections and its own
// replica of the router (docs/architecture.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "broker/limits.hpp"
#include "dxl/result.hpp"
#include "fabric/authorization.hpp"
#include "fabric/revocation.hpp"
#include "fabric/router.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace tiara::broker {

struct BrokerOptions {
  std::string broker_id;
  std::vector<std::string> listen_addresses{"127.0.0.1", "::1"};
  std::uint16_t port = 8883;  // 0: the kernel chooses, the same for all addresses
  std::optional<std::uint16_t> web_socket_port{};  // likewise; absent: no such listener
  std::shared_ptr<const net::TlsContext>
      tls;  // null: plain TCP without identities, for benchmarks only
  std::vector<std::string> service_zones{};  // own zone first, then those of its ancestors
  bool send_connect_events = false;
  bool test_mode = false;
  std::chrono::seconds message_sample{60};  // what the rates of the health answer span
  fabric::RevocationList revocations{};
  // Takes the thumbprints of an administrator's event, on an I/O thread, and answers in time with
  // set_revocations(). Empty: the broker keeps them itself, in memory.
  std::function<void(std::vector<std::string>)> on_revocation{};
  // Each client that comes onto the fabric, before its first message, on an I/O thread: must not
  // block.
  std::function<void(const fabric::Identity&)> on_client{};
  unsigned threads = 1;  // I/O threads, up to kMaxThreads
  BrokerLimits limits{};
};

// What may change while clients are connected.
struct LiveOptions {
  BrokerLimits limits{};  // but for handshakes and handshake_deadline
  bool send_connect_events = false;
  bool test_mode = false;
};

// A snapshot for the status answer and the metrics. Counters are since start.
struct BrokerStatus {
  std::uint64_t connections = 0, services = 0, messages_in = 0, messages_out = 0;
  std::uint64_t refused_publishes = 0;  // by any reason of fabric::Refusal but kNone
  std::uint64_t dropped_messages = 0;   // that slow consumers missed
  std::uint64_t buffered_bytes = 0;     // held for all peers at this moment
  std::vector<std::pair<Limit, std::uint64_t>> limits;  // how often each was hit
  std::uint64_t connects = 0;                           // clients that came onto the fabric
  std::uint64_t bytes_in = 0, bytes_out = 0;            // of all clients; late by up to a second
  std::vector<std::pair<fabric::Refusal, std::uint64_t>> refusals;  // refused_publishes by reason
  // Peers that did not get through TLS or the upgrade, by dxl::ErrorCode.
  std::vector<std::pair<dxl::ErrorCode, std::uint64_t>> handshake_failures;
  base::Histogram::Snapshot request_times{};  // from a request's arrival to that of its answer
};

class Broker {
 public:
  // Opens the listeners and starts the threads. kConnect when an address cannot be bound. `::1`
  // may be absent on the machine: that is logged, not an error, as long as one address works.
  static dxl::Result<std::unique_ptr<Broker>> start(BrokerOptions options,
                                                    fabric::Authorization authorization);
  ~Broker();  // closes everything, joins

  std::uint16_t port() const;
  std::uint16_t web_socket_port() const;  // 0: no such listener
  // A stream whose other end this broker serves like an accepted connection, with `chain` as its
  // identity and the built-in rights of our own TIE service. `client_loop` is the loop that will
  // use the returned end. Any thread.
  std::unique_ptr<net::Stream> attach_service(net::Loop& client_loop,
                                              std::vector<net::PeerCertificate> chain);
  // The service has another certificate: its connection goes on under that, without a gap in what
  // it gets and sends. Any thread but the broker's own; returns once every router knows.
  void set_service_chain(const std::vector<net::PeerCertificate>& chain);
  // Any thread but the broker's own; returns once every router uses it.
  void set_authorization(fabric::Authorization authorization);
  // Likewise; clients whose certificates are on the list are being disconnected when it returns.
  void set_revocations(fabric::RevocationList list);
  // Any thread but the broker's own: for handshakes that begin from now on. Clients stay.
  void set_tls(std::shared_ptr<const net::TlsContext> tls);
  // Likewise. Clients that are connected keep the keep-alive they were granted.
  void reconfigure(const LiveOptions& options);
  BrokerStatus status() const;

 private:
  struct Impl;
  explicit Broker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::broker
