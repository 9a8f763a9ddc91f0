// One non-blocking TLS connection to the broker. A failure is a state with a reason, not the end of
// the program: a crowd that reconnects expects some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "packets.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace load {

struct Target {
  std::string host = "127.0.0.1";  // IPv4
  std::uint16_t port = 0;
  std::string ca, certificate, key;  // PEM files
};

// Shared by all links and freed by the end of the process. Prints the reason and ends the program
// when a file is no good.
ssl_ctx_st* make_tls(const Target& target);

class Link {
 public:
  enum class State { kConnecting, kHandshaking, kOpen, kFailed };

  Link(const Target& target, ssl_ctx_st* tls);
  ~Link();  // closes the socket without a word, as a peer that loses its network does
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  int descriptor() const { return descriptor_; }
  State state() const { return state_; }
  const std::string& failure() const { return failure_; }
  bool wants_write() const { return wants_write_; }

  void queue(std::string_view bytes) { output_ += bytes; }
  // Connects, shakes hands, reads and writes as far as it goes without waiting. To be called when
  // the descriptor is ready, and after queue().
  void advance();
  // The next packet that was read; its view ends with the next call of next() or advance().
  std::optional<Packet> next();

  // For the set-up of a single link: waits for the next packet of `type` and returns its body, or
  // nothing after `seconds` or a failure.
  std::optional<std::string> await(std::uint8_t type, int seconds);

 private:
  void fail(std::string reason);
  bool connected();
  // True when `result` of an OpenSSL call was a success; sets wants_write or the failure otherwise.
  bool went(int result, const char* what);
  void read();
  void write();

  State state_ = State::kConnecting;
  int descriptor_ = -1;
  ssl_ctx_st* tls_;
  ssl_st* ssl_ = nullptr;
  bool wants_write_ = true;
  std::string failure_, input_, output_;
  std::size_t consumed_ = 0;
};

}  // namespace load
