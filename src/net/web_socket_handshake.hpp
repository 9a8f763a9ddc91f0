// One side of the HTTP upgrade over a stream that is established already. Lives until the
// connection is a WebSocket one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/http_upgrade.hpp"
#include "net/stream.hpp"

namespace tiara::net {

class WebSocketHandshake {
 public:
  static WebSocketHandshake server();
  static WebSocketHandshake client(const std::string& host, const std::string& path);

  // As Stream::handshake().
  IoResult step(Stream& inner);
  bool wants_write() const { return wants_write_; }
  // After kDone: frames that followed the peer's head at once.
  std::string take_early_input() { return std::move(received_); }
  std::size_t held_bytes() const { return received_.capacity() + unsent_.capacity(); }

 private:
  WebSocketHandshake() = default;
  // nullopt: what was there is read, and it may be a complete head now.
  std::optional<IoResult> receive_head(Stream& inner);
  std::optional<IoResult> send(Stream& inner);
  void take_head();
  void on_head(std::string_view head);
  void end_with(dxl::Error error);

  std::string key_;  // client; the server's is empty
  std::string received_;
  std::string unsent_;
  std::optional<IoResult> verdict_;  // once there is nothing more to send
  bool wants_write_ = false;
};

}  // namespace tiara::net
