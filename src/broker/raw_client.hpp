// For tests: a plain TCP client that speaks MQTT in bytes written by hand, sharing no code with the
// broker's codec. Every wait has a deadline.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/test_sockets.hpp"

namespace tiara::broker {

using namespace std::string_literals;

// One packet off the wire: first byte and body.
struct RawPacket {
  std::uint8_t head = 0;
  std::string body;
  friend bool operator==(const RawPacket&, const RawPacket&) = default;
};

inline void PrintTo(const RawPacket& packet, std::ostream* out) {
  *out << "head " << int{packet.head} << " body " << testing::PrintToString(packet.body);
}

inline std::string text_field(std::string_view text) {
  return std::string{static_cast<char>(text.size() >> 8), static_cast<char>(text.size() & 255)} +
         std::string(text);
}

inline std::string raw_packet(std::uint8_t head, std::string_view body) {
  std::string bytes(1, static_cast<char>(head));
  std::size_t rest = body.size();
  do {
    const std::size_t digit = rest % 128;
    rest /= 128;
    bytes += static_cast<char>(digit | (rest > 0 ? 128U : 0U));
  } while (rest > 0);
  return bytes + std::string(body);
}

// `flags` 2: clean session. `rest` follows the client id: a will.
inline std::string connect_packet(std::uint8_t flags = 2, std::uint16_t keep_alive = 60,
                                  std::string_view rest = "") {
  return raw_packet(0x10, text_field("MQTT") + "\x04"s + static_cast<char>(flags) +
                              static_cast<char>(keep_alive >> 8) +
                              static_cast<char>(keep_alive & 255) + text_field("{id}") +
                              std::string(rest));
}
inline std::string subscribe_packet(std::string_view filter, char qos = 0) {
  return raw_packet(0x82, "\x00\x07"s + text_field(filter) + qos);
}
inline std::string publish_packet(std::string_view topic, std::string_view payload) {
  return raw_packet(0x30, text_field(topic) + std::string(payload));
}

inline const RawPacket kConnected{0x20, "\0\0"s};
inline const RawPacket kSubscribed{0x90, "\0\7\0"s};
inline const std::string kPing("\xc0\0", 2);
inline const RawPacket kPong{0xd0, ""};
inline const std::string kDisconnect("\xe0\0", 2);

inline RawPacket published(std::string_view topic, std::string_view payload) {
  return {0x30, text_field(topic) + std::string(payload)};
}

class RawClient {
 public:
  static constexpr std::chrono::seconds kPatience{20};

  // Not yet connected on the MQTT level.
  explicit RawClient(std::uint16_t port, int receive_bytes = 0)
      : socket_(net::RawSocket::connect(port, receive_bytes)) {}

  void send(std::string_view bytes) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!bytes.empty() && std::chrono::steady_clock::now() < deadline) {
      socket_.wait(POLLOUT, std::chrono::milliseconds(100));
      bytes.remove_prefix(socket_.send_some(bytes));
    }
    EXPECT_TRUE(bytes.empty()) << "the broker does not read";
  }

  // The next packet; an empty one (head 0) when the broker closed or sent nothing in time.
  RawPacket receive() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      if (RawPacket packet; take(packet)) return packet;
      if (closed_ || std::chrono::steady_clock::now() > deadline) return {};
      read();
    }
  }

  // The same, giving up after `patience`.
  RawPacket receive_or(std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (true) {
      if (RawPacket packet; take(packet)) return packet;
      if (closed_ || std::chrono::steady_clock::now() > deadline) return {};
      read(patience);
    }
  }

  // What arrives before the broker's answer to a PING: everything that was under way for us.
  std::vector<RawPacket> receive_all() {
    send(kPing);
    std::vector<RawPacket> packets;
    while (true) {
      RawPacket packet = receive();
      if (packet == kPong || packet.head == 0) return packets;
      packets.push_back(std::move(packet));
    }
  }

  // True once the broker closed, whatever it sent before.
  bool wait_closed() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!closed_ && std::chrono::steady_clock::now() < deadline) {
      input_.clear();
      read();
    }
    return closed_;
  }

  void enter() {
    send(connect_packet());
    EXPECT_EQ(receive(), kConnected);
  }
  void subscribe(std::string_view filter) {
    send(subscribe_packet(filter));
    EXPECT_EQ(receive(), kSubscribed);
  }

 private:
  void read(std::chrono::milliseconds patience = std::chrono::milliseconds(200)) {
    if (!socket_.wait(POLLIN, patience)) return;
    const std::string bytes = socket_.receive_some();
    closed_ = bytes.empty();
    input_ += bytes;
  }

  bool take(RawPacket& packet) {
    std::size_t at = 1, size = 0, shift = 0;
    while (true) {
      if (at >= input_.size()) return false;
      const auto digit = static_cast<unsigned char>(input_[at++]);
      size |= static_cast<std::size_t>(digit & 127U) << shift;
      shift += 7;
      if ((digit & 128U) == 0) break;
    }
    if (input_.size() - at < size) return false;
    packet = {static_cast<std::uint8_t>(input_[0]), input_.substr(at, size)};
    input_.erase(0, at + size);
    return true;
  }

  net::RawSocket socket_;
  std::string input_;
  bool closed_ = false;
};

}  // namespace tiara::broker
