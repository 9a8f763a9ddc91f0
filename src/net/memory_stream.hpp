// An inner stream in memory for tests and fuzzing of what wraps one: input is given, output is
// kept, and both directions can be made as narrow as wished.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/stream.hpp"

namespace tiara::net {

class MemoryStream final : public Stream {
 public:
  // What the test sets and reads; outlives the stream.
  struct Wire {
    std::string input;                                      // still to be read
    bool input_ends = false;                                // kEnd behind it, else kWouldBlock
    std::size_t read_limit = static_cast<std::size_t>(-1);  // per call
    std::string output;
    std::size_t room = static_cast<std::size_t>(-1);  // for further output
    // Like TLS: what has room is taken, but not reported before all that was offered is.
    bool reports_late = false;
    bool is_closed = false;
    std::function<void()> on_writable;
  };

  explicit MemoryStream(Wire& wire) : wire_(wire) {}

  IoResult handshake() override { return {IoResult::Status::kDone, 0, {}}; }
  IoResult read(char* into, std::size_t capacity) override {
    wants_write_ = false;
    if (wire_.input.empty()) {
      return {wire_.input_ends ? IoResult::Status::kEnd : IoResult::Status::kWouldBlock, 0, {}};
    }
    const std::size_t count = wire_.input.copy(into, std::min(capacity, wire_.read_limit));
    wire_.input.erase(0, count);
    return {IoResult::Status::kDone, count, {}};
  }
  IoResult write(std::string_view bytes) override {
    wants_write_ = true;
    const std::string_view rest = bytes.substr(std::min(unreported_, bytes.size()));
    const std::size_t count = std::min(rest.size(), wire_.room);
    wire_.output += rest.substr(0, count);
    wire_.room -= count;
    unreported_ += count;
    const bool is_reported = unreported_ > 0 && (!wire_.reports_late || count == rest.size());
    if (!is_reported) return {IoResult::Status::kWouldBlock, 0, {}};
    return {IoResult::Status::kDone, std::exchange(unreported_, 0), {}};
  }
  bool wants_write() const override { return wants_write_; }
  bool has_buffered_input() const override { return false; }
  bool peer_has_left() const override { return wire_.input_ends; }
  void wait_readable(std::function<void()>) override {}
  void wait_writable(std::function<void()> ready) override { wire_.on_writable = std::move(ready); }
  void move_to(Loop&) override {}
  std::size_t held_bytes() const override { return 0; }
  void close() override { wire_.is_closed = true; }
  const std::vector<PeerCertificate>& peer_chain() const override { return chain_; }
  std::string peer_name() const override { return "memory"; }

 private:
  Wire& wire_;
  std::vector<PeerCertificate> chain_;
  std::size_t unreported_ = 0;
  bool wants_write_ = false;
};

}  // namespace tiara::net
