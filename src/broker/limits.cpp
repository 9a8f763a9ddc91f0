#include "broker/limits.hpp"

namespace tiara::broker {

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::kMessageBytes:
      return "message_bytes";
    case Limit::kConnectBytes:
      return "connect_bytes";
    case Limit::kUpgradeBytes:
      return "upgrade_bytes";
    case Limit::kConnections:
      return "connections";
    case Limit::kHandshakes:
      return "handshakes";
    case Limit::kSubscriptionsPerClient:
      return "subscriptions_per_client";
    case Limit::kSubscriptionBytesPerClient:
      return "subscription_bytes_per_client";
    case Limit::kTopicBytes:
      return "topic_bytes";
    case Limit::kTopicLevels:
      return "topic_levels";
    case Limit::kPublishRate:
      return "publish_rate";
    case Limit::kRequestBacklogBytes:
      return "request_backlog_bytes";
    case Limit::kOutgoingBytes:
      return "outgoing_bytes";
    case Limit::kBufferedBytes:
      return "buffered_bytes";
    case Limit::kHandshakeSeconds:
      return "handshake_seconds";
    case Limit::kConnectSeconds:
      return "connect_seconds";
    case Limit::kKeepAliveSeconds:
      return "keep_alive_seconds";
  }
  return "unknown";
}

}  // namespace tiara::broker
