// The socket as OpenSSL sees it: whole batches of records per system call in both directions,
// through buffers of the loop, and never SIGPIPE.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/descriptor.hpp"
#include "net/openssl.hpp"
#include "net/stream.hpp"

namespace tiara::net {

class RecordChannel {
 public:
  explicit RecordChannel(std::unique_ptr<Descriptor> descriptor);

  // Attaches the channel to `ssl`, which must not outlive it. False: out of memory.
  bool attach(SSL* ssl);

  // Brackets one call into OpenSSL: at most `read_budget` bytes are received in between, and
  // finish() sends what OpenSSL wrote, as far as it goes.
  void begin(std::size_t read_budget);
  void finish();

  bool has_unsent() const { return !unsent_.empty(); }
  bool has_kept_input() const { return kept_at_ < kept_.size(); }
  // The budget was used up: the socket may hold more.
  bool reached_budget() const { return budget_ == 0; }
  bool saw_end() const { return saw_end_; }
  // kFailed once a system call has failed.
  const IoResult& failure() const { return failure_; }
  bool failed() const { return failure_.status == IoResult::Status::kFailed; }

  // Memory of kept input and unsent records.
  std::size_t held_bytes() const;
  // Nothing is read or sent any more.
  void drop_buffers();

  Descriptor& descriptor() { return *descriptor_; }
  const Descriptor& descriptor() const { return *descriptor_; }

 private:
  friend struct RecordChannelBio;
  std::size_t read(char* into, std::size_t capacity);  // 0: would block, end or failure
  bool write(std::string_view bytes);                  // false: too much is waiting
  std::size_t send_some(std::string_view bytes);

  std::unique_ptr<Descriptor> descriptor_;
  std::size_t budget_ = 0;
  bool drained_ = false;    // the socket gave less than asked for
  std::string_view fresh_;  // received since begin(), in the loop's buffer
  std::string kept_;        // received earlier and not wanted yet; empty when idle
  std::size_t kept_at_ = 0;
  std::string unsent_;  // records the socket did not take; empty when idle
  bool saw_end_ = false;
  IoResult failure_{IoResult::Status::kDone, 0, {}};
};

}  // namespace tiara::net
