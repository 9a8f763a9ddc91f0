// Where streams come from: TCP listeners and connects, and the in-process pair.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dxl/result.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace tiara::net {

// Accepts TCP connections on one address until destroyed. TCP_NODELAY and TCP keepalive are set on
// each.
class Listener {
 public:
  using Accepted = std::function<void(std::unique_ptr<Stream>)>;
  // `tls` null: plain TCP (benchmarks). Port 0: the kernel chooses. kConnect with address and port
  // when it cannot bind.
  static dxl::Result<std::unique_ptr<Listener>> open(Loop& loop, const std::string& address,
                                                     std::uint16_t port,
                                                     std::shared_ptr<const TlsContext> tls,
                                                     Accepted accepted);
  ~Listener();
  std::uint16_t port() const;

 private:
  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Resolves and connects, trying each address; calls `done` once on the loop's thread. The stream's
// handshake has not run yet. kTimedOut after `deadline`, kConnect with host and reason otherwise.
// `tls` null: plain TCP.
void connect_tcp(Loop& loop, const std::string& host, std::uint16_t port,
                 std::shared_ptr<const TlsContext> tls, std::chrono::milliseconds deadline,
                 std::function<void(dxl::Result<std::unique_ptr<Stream>>)> done);

// Two bounded byte queues that behave like a connected socket pair across two loops (or one). Each
// end reports `chain_of_first` / `chain_of_second` as its peer's certificates.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_in_process_pair(
    Loop& first, std::vector<PeerCertificate> chain_of_first, Loop& second,
    std::vector<PeerCertificate> chain_of_second);

}  // namespace tiara::net
