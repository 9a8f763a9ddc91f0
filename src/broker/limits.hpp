// What a hostile or careless peer may use up. Each limit has one name: in the log line that tells
// of it, in `tiara.toml` below [limits], in the status answer.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dxl/topic.hpp"

namespace tiara::broker {

// What becomes of a client that does not take what is sent to it.
enum class SlowConsumer : std::uint8_t {
  kClose,  // the first message it would miss closes it: it knows that there is a hole
  kDrop,   // it stays and misses messages
};

struct BrokerLimits {
  // Remaining length of any packet but CONNECT. A longer PUBLISH is skipped, and a request in it
  // answered with 0x80000014; kOversizeFactor times as much, or another packet, closes.
  std::size_t message_bytes = 1024 * 1024;
  std::size_t connect_bytes = 4 * 1024;  // remaining length of CONNECT
  std::size_t connections = 60'000;
  std::size_t handshakes = 2'048;  // at a time; more wait in the kernel
  std::size_t subscriptions_per_client = 10'000;
  std::size_t subscription_bytes_per_client = 1024 * 1024;  // lengths of its filters
  std::size_t topic_bytes = dxl::kMaxTopicBytes;
  std::size_t topic_levels = dxl::kMaxTopicLevels;
  // Messages a second of one client, a second's worth at once. Above it the client is read more
  // slowly. 0: none, because services answer for all their requesters.
  std::size_t publish_rate = 0;
  // Unsent bytes above which requests for a client are answered "service is overloaded": whoever
  // asks too fast hears it, not the service. Well below outgoing_bytes.
  std::size_t request_backlog_bytes = 8 * 1024 * 1024;
  std::size_t outgoing_bytes = 16 * 1024 * 1024;  // unsent, of one client
  // Unsent output and unfinished input of all clients. Above it, who holds most is closed.
  std::size_t buffered_bytes = std::size_t{1024} * 1024 * 1024;
  SlowConsumer slow_consumer = SlowConsumer::kClose;
  std::chrono::milliseconds handshake_deadline{10'000};  // from accept to the end of TLS, upgrade
  std::chrono::milliseconds connect_deadline{10'000};    // from there to CONNECT
  std::chrono::seconds keep_alive_max{3'600};  // a client that asks for more or for none gets this
};

inline constexpr std::size_t kOversizeFactor = 8;
inline constexpr unsigned kMaxThreads = 64;

enum class Limit : std::uint8_t {
  kMessageBytes,
  kConnectBytes,
  kUpgradeBytes,
  kConnections,
  kHandshakes,
  kSubscriptionsPerClient,
  kSubscriptionBytesPerClient,
  kTopicBytes,
  kTopicLevels,
  kPublishRate,
  kRequestBacklogBytes,
  kOutgoingBytes,
  kBufferedBytes,
  kHandshakeSeconds,
  kConnectSeconds,
  kKeepAliveSeconds,
};
inline constexpr std::size_t kLimitCount = 16;
std::string_view to_string(Limit limit);

// How often each limit was hit. Any thread.
class LimitCounters {
 public:
  void count(Limit limit) {
    hits_[static_cast<std::size_t>(limit)].fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t hits(Limit limit) const {
    return hits_[static_cast<std::size_t>(limit)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kLimitCount> hits_{};
};

}  // namespace tiara::broker
