// One MQTT connection of the load generator: blocking while it is set up, then non-blocking with
// one write per turn. Knows nothing of the brokers' code, so that it treats all of them alike.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace bench {

// Any failure ends the program with a message: a benchmark has nobody to recover for.
[[noreturn]] void die(const std::string& message);

struct TlsFiles {
  std::string ca, certificate, key;
  bool used() const { return !ca.empty(); }
};

struct Packet {
  std::uint8_t type = 0;  // upper four bits of the first byte
  std::string_view body;  // valid until the next read
};

class Connection {
 public:
  Connection(const std::string& host, std::uint16_t port, ssl_ctx_st* tls);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int descriptor() const { return descriptor_; }
  std::string& output() { return output_; }

  // While blocking: sends the output, then returns the next packet of `type`, dropping others.
  std::string exchange(std::uint8_t type);
  void set_non_blocking();

  // Reads what is there; bounded by what all peers have outstanding.
  void read_available();
  // The next whole packet that was read, if any.
  bool next(Packet& packet);
  // Forgets the packets handed out; their views end.
  void consumed();
  // Writes as much as goes; true when nothing is left.
  bool flush();

 private:
  // Both return what the system call would: > 0 bytes, 0 end, -1 with errno.
  long receive(char* into, std::size_t capacity);
  long send(std::string_view bytes);

  int descriptor_ = -1;
  ssl_st* ssl_ = nullptr;
  std::string input_;
  std::size_t parsed_ = 0;
  std::string output_;
  std::size_t written_ = 0;
};

// Shared by all connections; freed by the end of the process.
ssl_ctx_st* make_tls(const TlsFiles& files);

}  // namespace bench
