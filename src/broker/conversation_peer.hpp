// For tests: one end of a written conversation (conversation.hpp) on a plain TCP socket. Every wait
// has a deadline.
#pragma once

#include <fmt/format.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/conversation.hpp"
#include "net/test_sockets.hpp"

namespace tiara::broker {

class ConversationPeer {
 public:
  static constexpr std::chrono::seconds kPatience{20};

  explicit ConversationPeer(std::uint16_t port) : socket_(net::RawSocket::connect(port)) {
    const int on = 1;
    ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  void skip(std::string_view topic_prefix) { skipped_.emplace_back(topic_prefix); }

  // False if the broker does not read. That it has closed is for expect_closed to judge.
  bool send(std::string_view bytes) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!bytes.empty()) {
      const ssize_t count =
          ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return true;
      if (std::chrono::steady_clock::now() > deadline) return false;
      socket_.wait(POLLOUT, std::chrono::milliseconds(100));
    }
    return true;
  }

  // Byte by byte; of what is long only the head and the tail.
  bool send_split(std::string_view bytes) {
    constexpr std::size_t kHead = 256, kTail = 64, kPiece = 4'093;
    std::size_t at = 0;
    while (at < bytes.size()) {
      const bool middle = at >= kHead && bytes.size() - at > kTail;
      const std::size_t size = middle ? std::min(kPiece, bytes.size() - at - kTail) : 1;
      if (!send(bytes.substr(at, size))) return false;
      at += size;
    }
    return true;
  }

  // Empty when the next bytes are the expected ones, else what came instead.
  std::string expect(const Pattern& expected) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (heard_.size() < expected.bytes.size() && read_until(deadline)) {
    }
    if (!expected.matches_start_of(heard_))
      return fmt::format("expected {}\n   found {}{}", to_hex_dump(expected.bytes),
                         to_hex_dump(heard_ + partial_), closed_ ? "and the end" : "");
    heard_.erase(0, expected.bytes.size());
    return {};
  }

  // Empty when the broker closes without another byte.
  std::string expect_closed(std::chrono::seconds patience) {
    const auto deadline =
        std::chrono::steady_clock::now() + (patience.count() == 0 ? kPatience : patience);
    while (read_until(deadline)) {
    }
    if (!heard_.empty() || !partial_.empty())
      return "expected the end, found " + to_hex_dump(heard_ + partial_);
    return closed_ ? "" : "expected the end, the connection is still open";
  }

  // Not EOF but a reset, so that nothing looks like a goodbye.
  void drop() {
    const linger now{1, 0};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    const net::RawSocket gone = std::move(socket_);
  }

 private:
  // False at the end or the deadline.
  bool read_until(std::chrono::steady_clock::time_point deadline) {
    while (!closed_) {
      if (socket_.wait(POLLIN, std::chrono::milliseconds(50))) {
        const std::string bytes = socket_.receive_some();
        closed_ = bytes.empty();
        partial_ += bytes;
        while (take_packet()) {
        }
        return !closed_;
      }
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return false;
  }

  // Moves one whole packet from `partial_` to `heard_`, unless it is to be skipped.
  bool take_packet() {
    std::size_t at = 1, size = 0, shift = 0;
    do {
      if (at >= partial_.size()) return false;
      size |= static_cast<std::size_t>(static_cast<unsigned char>(partial_[at]) & 127U) << shift;
      shift += 7;
    } while ((static_cast<unsigned char>(partial_[at++]) & 128U) != 0);
    if (partial_.size() - at < size) return false;
    const std::string_view topic =
        std::string_view(partial_).substr(at, size).substr(std::min<std::size_t>(size, 2));
    const bool publish = static_cast<unsigned char>(partial_[0]) >> 4 == 3;
    bool skipped = false;
    for (const std::string& prefix : skipped_)
      skipped = skipped || (publish && topic.starts_with(prefix));
    if (!skipped) heard_ += partial_.substr(0, at + size);
    partial_.erase(0, at + size);
    return true;
  }

  net::RawSocket socket_;
  std::string partial_, heard_;
  std::vector<std::string> skipped_;
  bool closed_ = false;
};

}  // namespace tiara::broker
