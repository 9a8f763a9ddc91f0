// The WebSocket wire as RFC 6455 writes it down, without any of our code or wslay's: what tests
// send and what they expect.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiara::net {

// RFC 6455 §1.3.
inline constexpr std::string_view kSampleKey = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view kSampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

inline std::string sample_request(std::string_view path = "/mqtt",
                                  std::string_view more = "Sec-WebSocket-Protocol: mqtt\r\n") {
  std::string text = "GET ";
  text += path;
  text += " HTTP/1.1\r\nHost: broker:443\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  text += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  text += kSampleKey;
  text += "\r\n";
  text += more;
  return text + "\r\n";
}

inline std::string sample_response(std::string_view more = "Sec-WebSocket-Protocol: mqtt\r\n") {
  std::string text =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  text += kSampleAccept;
  text += "\r\n";
  text += more;
  return text + "\r\n";
}

struct WireFrame {
  unsigned opcode = 2;
  std::string payload;
  bool final = true;
  bool masked = true;
  unsigned reserved = 0;
  unsigned length_form = 0;  // 16 or 64: longer than needed
};

inline std::string to_wire(const WireFrame& frame) {
  std::string bytes;
  const auto put = [&](std::uint64_t value, int count) {
    for (int i = count - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  };
  put((frame.final ? 0x80U : 0U) | frame.reserved << 4 | frame.opcode, 1);
  const unsigned mask_bit = frame.masked ? 0x80 : 0;
  const std::size_t size = frame.payload.size();
  if (frame.length_form == 64 || size >= 65536) {
    put(mask_bit | 127, 1);
    put(size, 8);
  } else if (frame.length_form == 16 || size >= 126) {
    put(mask_bit | 126, 1);
    put(size, 2);
  } else {
    put(mask_bit | size, 1);
  }
  if (!frame.masked) return bytes + frame.payload;
  const std::string key = "\x37\xfa\x21\x3d";  // of the RFC's example
  bytes += key;
  for (std::size_t i = 0; i < size; ++i) {
    bytes += static_cast<char>(frame.payload[i] ^ key[i % 4]);
  }
  return bytes;
}

inline std::string data(std::string payload) { return to_wire({2, std::move(payload)}); }

struct ReceivedFrame {
  unsigned first_byte = 0;  // 0x82: final, binary
  bool masked = false;
  std::string payload;
  friend bool operator==(const ReceivedFrame&, const ReceivedFrame&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ReceivedFrame& frame) {
    return out << std::hex << frame.first_byte << std::dec << (frame.masked ? " masked" : "")
               << " [" << frame.payload.size() << "] " << frame.payload.substr(0, 40);
  }
};

// Whole frames; an incomplete one at the end appears with the first byte 0.
inline std::vector<ReceivedFrame> from_wire(std::string_view bytes) {
  std::vector<ReceivedFrame> frames;
  const auto number = [&](std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (const char c : bytes.substr(at, count)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  };
  while (!bytes.empty()) {
    const bool masked = (number(1, 1) & 0x80) != 0;
    std::uint64_t size = number(1, 1) & 0x7f;
    std::size_t header = 2;
    if (size == 126) {
      size = number(2, 2);
      header = 4;
    } else if (size == 127) {
      size = number(2, 8);
      header = 10;
    }
    const std::string_view key = bytes.substr(std::min(header, bytes.size()), masked ? 4 : 0);
    header += key.size();
    if (bytes.size() < header || bytes.size() - header < size) {
      frames.push_back({0, masked, std::string(bytes)});
      break;
    }
    std::string payload(bytes.substr(header, size));
    for (std::size_t i = 0; masked && i < payload.size(); ++i) payload[i] ^= key[i % 4];
    frames.push_back({static_cast<unsigned>(number(0, 1)), masked, std::move(payload)});
    bytes.remove_prefix(header + size);
  }
  return frames;
}

}  // namespace tiara::net
