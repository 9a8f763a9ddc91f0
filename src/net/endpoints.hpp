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
#include "net/http_connect.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace tiara::net {

struct ListenerOptions {
  std::string address;                    // numeric
  std::uint16_t port = 0;                 // 0: the kernel chooses
  std::shared_ptr<const TlsContext> tls;  // null: plain TCP (benchmarks)
  bool web_socket = false;                // HTTP upgrade, then WebSocket frames
  // Under way at a time; clients beyond wait in the kernel's backlog.
  std::size_t handshakes = 2'048;
  std::chrono::milliseconds handshake_deadline{10'000};  // TLS and HTTP upgrade together
  std::function<void()> on_full{};  // each time `handshakes` is reached; listener's thread
};

// Accepts on one address until destroyed, and carries the handshakes out on its own loop's thread,
// so that a thousand clients that come at once do not delay those that are there. TCP_NODELAY and
// TCP keepalive are set on each.
class Listener {
 public:
  // The loop the next established stream is to live on; it may be the listener's own. Listener's
  // thread.
  using Place = std::function<Loop&()>;
  // On that loop's thread: handshake done, chain known. A Connection started with `stream` opens at
  // once.
  using Accepted = std::function<void(Loop& loop, std::unique_ptr<Stream> stream)>;
  // Listener's thread: a peer that did not get through, for the log and the counters.
  using Refused = std::function<void(const std::string& peer_name, const dxl::Error& reason)>;

  // kConnect with address and port when it cannot bind.
  static dxl::Result<std::unique_ptr<Listener>> open(Loop& loop, ListenerOptions options,
                                                     Place place, Accepted accepted,
                                                     Refused refused);
  // On the loop's thread, or when the loop does not run. Handshakes under way are dropped, and so
  // is a stream whose own loop has not taken it over yet; on another thread `accepted` may be
  // running at this moment, so what it uses goes after that loop has stopped.
  ~Listener();
  std::uint16_t port() const;
  // For handshakes that begin from now on; those under way and the streams there are keep theirs.
  // On the loop's thread.
  void set_tls(std::shared_ptr<const TlsContext> tls);

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

// The same through an HTTP proxy, which resolves `host` itself. Not plain: `tls` must be there,
// since the proxy reads along. kNotAuthorised: the proxy said 403 or 407.
void connect_through_proxy(Loop& loop, Proxy proxy, const std::string& host, std::uint16_t port,
                           std::shared_ptr<const TlsContext> tls,
                           std::chrono::milliseconds deadline,
                           std::function<void(dxl::Result<std::unique_ptr<Stream>>)> done);

// Two bounded byte queues that behave like a connected socket pair across two loops (or one). Each
// end reports `chain_of_first` / `chain_of_second` as its peer's certificates.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_in_process_pair(
    Loop& first, std::vector<PeerCertificate> chain_of_first, Loop& second,
    std::vector<PeerCertificate> chain_of_second);

}  // namespace tiara::net
