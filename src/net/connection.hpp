// A stream with a batching writer on a loop: reads what is there (bounded), hands it to a handler,
// writes once per turn.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"
#include "net/stream.hpp"

namespace tiara::net {

inline constexpr std::size_t kNoHighWater = static_cast<std::size_t>(-1);

struct ConnectionLimits {
  std::size_t read_per_turn = 256 * 1024;
  // Above this many unsent bytes the peer is not read until they drain. For one side of a
  // connection only, the broker: if both sides stop reading, neither drains. Clients set
  // kNoHighWater.
  std::size_t output_high_water = 1024 * 1024;
  // Above this many unsent bytes `append` refuses: the caller decides what a slow consumer costs.
  std::size_t output_limit = 64 * 1024 * 1024;
  std::chrono::milliseconds handshake_deadline{10'000};
};

// Called on the loop's thread only.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual void on_open(Connection& connection) = 0;  // handshake done; peer_chain() is there
  // Consumes a prefix of `bytes` and returns its length; the rest is kept and comes again with more
  // behind it.
  virtual std::size_t on_bytes(Connection& connection, std::string_view bytes) = 0;
  // Last call, exactly once, also after close(). `reason` in words a user can act on.
  virtual void on_closed(Connection& connection, const dxl::Error& reason) = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Starts the handshake at once. `handler` must outlive the connection or until on_closed.
  static std::shared_ptr<Connection> start(Loop& loop, std::unique_ptr<Stream> stream,
                                           ConnectionHandler& handler,
                                           const ConnectionLimits& limits);
  ~Connection();

  // The output buffer: append whole packets, then call flush_later(). Loop's thread only, like
  // everything here.
  std::string& output();
  std::size_t unsent_bytes() const;
  bool above_limit() const;
  // Writes once at the end of this turn; repeated calls in one turn cost nothing.
  void flush_later();

  // Sends what is buffered as far as it goes without waiting, then closes; on_closed comes in a
  // later turn.
  void close(dxl::Error reason);
  bool closing() const;

  const std::vector<PeerCertificate>& peer_chain() const;
  std::string peer_name() const;
  std::uint64_t bytes_in() const;
  std::uint64_t bytes_out() const;

 private:
  friend class Loop;
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  void end_of_turn();
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::net
