// A non-blocking byte stream: TCP, TLS over TCP, or two bounded queues inside the process. The port
// behind which connections do not know what carries them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::net {

class Loop;

// Memory behind a string, beyond the string itself.
std::size_t heap_bytes(const std::string& text);

// What a read or write came to. `bytes` is valid for kDone.
struct IoResult {
  enum class Status { kDone, kWouldBlock, kEnd, kFailed } status;
  std::size_t bytes = 0;
  dxl::Error error;  // kFailed
};

// Certificates of the verified peer, root first and leaf last (DXL reference §5.1).
struct PeerCertificate {
  std::string sha1;  // of the DER, lower-case hexadecimal
  std::string sha256;
  std::string subject;  // RFC 2253 text, control characters escaped, cut to kMaxSubjectBytes
  std::string issuer_serial{};  // what a CRL calls it (net/crl.hpp); empty in the process
  friend bool operator==(const PeerCertificate&, const PeerCertificate&) = default;
};

class Stream {
 public:
  virtual ~Stream() = default;

  // TLS and connect steps. kDone once bytes may flow; kWouldBlock: wait for `wants_write` or
  // readability and call again.
  virtual IoResult handshake() = 0;
  virtual IoResult read(char* into, std::size_t capacity) = 0;
  virtual IoResult write(std::string_view bytes) = 0;
  // The direction the last kWouldBlock waits for; TLS may need to write in order to read.
  virtual bool wants_write() const = 0;
  // Decrypted or queued bytes are at hand that the descriptor will not announce.
  virtual bool has_buffered_input() const = 0;

  // The peer has closed its side; what it sent before may still be unread. Costs a system call.
  virtual bool peer_has_left() const = 0;

  // Calls `ready` once, on the loop's thread, when reading (or writing) may make progress. One wait
  // per direction.
  virtual void wait_readable(std::function<void()> ready) = 0;
  virtual void wait_writable(std::function<void()> ready) = 0;

  // Makes `loop` the loop whose thread uses the stream from now on; what was read ahead moves
  // along. Called on that thread, after the handshake, with no wait pending.
  virtual void move_to(Loop& loop) = 0;
  // Bytes of memory in which this stream holds back unsent records and unread input, for the
  // memory budget.
  virtual std::size_t held_bytes() const = 0;

  // Sends what the protocol wants at the end (close_notify) without waiting, then closes. Pending
  // waits never fire.
  virtual void close() = 0;

  virtual const std::vector<PeerCertificate>& peer_chain() const = 0;
  virtual std::string peer_name() const = 0;  // "127.0.0.1:50312", "in-process"
};

}  // namespace tiara::net
