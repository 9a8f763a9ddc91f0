// A stream with a batching writer on a loop: reads what is there (bounded), hands it to a handler,
// writes once per turn.
#pragma once

#include <atomic>
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

// What all connections that share it hold in memory for their peers: unsent output and input that
// is not consumed yet. Any thread may read it.
struct BufferBudget {
  std::atomic<std::size_t> used{0};  // bytes
};

struct ConnectionLimits {
  std::size_t read_per_turn = 256 * 1024;
  // Above this many unsent bytes the peer is not read until they drain. For one side of a
  // connection only, the broker: if both sides stop reading, neither drains. Clients set
  // kNoHighWater.
  std::size_t output_high_water = 1024 * 1024;
  // What above_limit() compares with: the caller decides what a slow consumer costs.
  std::size_t output_limit = 64 * 1024 * 1024;
  std::chrono::milliseconds handshake_deadline{10'000};
  // Of whom nothing was read for so long, it is worth asking whether it has left: the ends of a
  // crowd that leaves at once are spread so that they do not hold up the others.
  std::chrono::milliseconds quiet{1'000};
  std::shared_ptr<BufferBudget> budget;  // null: not accounted
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

  // The end of the output: append whole packets, then call flush_later(). Ask again for each packet
  // or few: a backlog is kept in chunks of 256 KiB, begun here, so that it costs what it holds.
  // Loop's thread only, like everything here.
  std::string& output();
  std::size_t unsent_bytes() const;
  bool above_limit() const;
  // Writes once at the end of this turn and accounts in the budget; repeated calls in one turn cost
  // next to nothing.
  void flush_later();
  // Memory held for the peer: output, unconsumed input, and what the stream holds.
  std::size_t held_bytes() const;

  // Hands no more input to the handler until resume_input(), for a handler that must wait for
  // something before the next packet. Bytes wait in the kernel, and at most one unconsumed tail
  // here; that the peer leaves goes unnoticed as well. Within on_bytes: return what was consumed,
  // the rest comes again, in a later turn, after resume_input().
  void pause_input();
  void resume_input();
  // More is unsent than ConnectionLimits::output_high_water: the peer is not read until it reads.
  bool holds_back_input() const;

  // Sends what is buffered as far as it goes without waiting, then closes; on_closed comes in a
  // later turn.
  void close(dxl::Error reason);
  // The same, but throws away at once what is unsent.
  void abort(dxl::Error reason);
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
