// What each MQTT packet of a client comes to.
#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "broker/client_connection.hpp"
#include "broker/hub.hpp"
#include "dxl/topic.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

constexpr std::string_view kArea = "broker";

std::string_view name_of(mqtt::Version version) {
  return version == mqtt::Version::k31 ? "MQTT 3.1" : "MQTT 3.1.1";
}

std::size_t levels_of(std::string_view topic) {
  return 1 + static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/'));
}

template <class Filters>
std::vector<std::string> to_strings(const Filters& filters) {
  std::vector<std::string> strings;
  strings.reserve(filters.size());
  filters.for_each([&](std::string_view filter, std::uint8_t) { strings.emplace_back(filter); });
  return strings;
}

}  // namespace

void ClientConnection::on_frame(const mqtt::Frame& frame) {
  if (phase_ != Phase::kNew && frame.type == mqtt::PacketType::kConnect)
    return close(ErrorCode::kMalformed, "a second CONNECT on one connection");
  const auto packet = mqtt::decode_packet(frame, version_);
  if (!packet) {
    const auto bad_version = static_cast<std::uint32_t>(mqtt::ConnectCode::kBadVersion);
    if (phase_ == Phase::kNew && packet.error().peer_code == bad_version)
      return refuse_connect(mqtt::ConnectCode::kBadVersion, packet.error().message);
    return close(packet.error().code, packet.error().message);
  }
  std::visit(
      [this](const auto& value) {
        using P = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<P, mqtt::Publish>) {
          on_publish(value);
        } else if constexpr (std::is_same_v<P, mqtt::Connect>) {
          on_connect(value);
        } else if constexpr (std::is_same_v<P, mqtt::Subscribe>) {
          on_subscribe(value);
        } else if constexpr (std::is_same_v<P, mqtt::Unsubscribe>) {
          on_unsubscribe(value);
        } else if constexpr (std::is_same_v<P, mqtt::Ack>) {
          on_ack(value);
        } else if constexpr (std::is_same_v<P, mqtt::Pingreq>) {
          mqtt::append_pingresp(connection_->output());
          connection_->flush_later();
        } else if constexpr (std::is_same_v<P, mqtt::Disconnect>) {
          on_disconnect();
        } else {
          close(ErrorCode::kMalformed, "a packet that only a broker sends");
        }
      },
      *packet);
}

void ClientConnection::refuse_connect(mqtt::ConnectCode code, std::string reason) {
  mqtt::append_connack(code, connection_->output());
  close(ErrorCode::kNotAuthorised, std::move(reason));
}

void ClientConnection::on_connect(const mqtt::Connect& connect) {
  if (connect.bridge)
    return refuse_connect(mqtt::ConnectCode::kNotAuthorised, "bridges are not accepted");
  if (connect.will) {
    if (!dxl::is_valid_topic(connect.will->topic))
      return close(ErrorCode::kMalformed, "will topic: not a topic one may publish to");
    will_ = OwnedWill{std::string(connect.will->topic), std::string(connect.will->payload)};
  }
  version_ = connect.version;
  const std::chrono::seconds asked{connect.keep_alive};
  const std::chrono::seconds most = hub_.limits().keep_alive_max;
  const std::chrono::seconds granted = asked.count() == 0 ? most : std::min(asked, most);
  phase_ = Phase::kAdmitted;
  std::string answer;
  mqtt::append_connack(mqtt::ConnectCode::kAccepted, answer);
  // A longer one is no topic one could publish to.
  const bool has_id =
      !connect.client_id.empty() && connect.client_id.size() < hub_.limits().topic_bytes;
  if (!hub_.admit(*this, has_id ? dxl::reply_topic_of(connect.client_id) : "", std::move(answer))) {
    phase_ = Phase::kNew;
    will_.reset();
    return refuse_connect(
        mqtt::ConnectCode::kUnavailable,
        fmt::format("there are {} clients already (connections)", hub_.limits().connections));
  }
  if (connection_->closing()) return;  // revoked since the handshake
  patience_ = std::chrono::milliseconds(granted) * 3 / 2;
  last_heard_ = base::SystemClock().now();
  base::log_event(LogLevel::kInfo, kArea, "client.connected", subject(),
                  {{"client", label_}, {"thumbprint", thumbprint()}, {"name", name()}},
                  fmt::format("client {} connected with {}, keep-alive {} s", label_,
                              name_of(version_), granted.count()));
}

bool ClientConnection::check_topic(std::string_view topic) {
  const BrokerLimits& limits = hub_.limits();
  if (topic.size() > limits.topic_bytes) {
    exceed(Limit::kTopicBytes,
           fmt::format("a topic of {} bytes, the limit is {}", topic.size(), limits.topic_bytes));
    return false;
  }
  if (topic.size() >= limits.topic_levels && levels_of(topic) > limits.topic_levels) {
    exceed(Limit::kTopicLevels, fmt::format("a topic of {} levels, the limit is {}",
                                            levels_of(topic), limits.topic_levels));
    return false;
  }
  return true;
}

bool ClientConnection::may_publish_to(std::string_view topic) {
  if (!check_topic(topic)) return false;
  const bool is_valid = dxl::is_valid_topic(topic);
  if (!is_valid) close(ErrorCode::kMalformed, "PUBLISH: not a topic one may publish to");
  return is_valid;
}

// QoS 1 and 2 are acknowledged as MQTT wants it; what is delivered goes out at QoS 0 like
// everything (DXL reference §9).
void ClientConnection::on_publish(const mqtt::Publish& publish) {
  if (!may_publish_to(publish.topic)) return;
  std::string answer;
  if (publish.qos == 1) mqtt::append_ack(mqtt::PacketType::kPuback, publish.packet_id, answer);
  if (publish.qos == 2) {
    mqtt::append_ack(mqtt::PacketType::kPubrec, publish.packet_id, answer);
    if (!note_exactly_once(publish.packet_id)) return reply(answer);
  }
  hub_.publish(*this, publish.topic, publish.payload, answer);
}

// False for a repetition before the PUBREL (MQTT 3.1.1 §4.3.3): it is acknowledged, not delivered.
bool ClientConnection::note_exactly_once(std::uint16_t packet_id) {
  if (!unreleased_) unreleased_ = std::make_unique<std::bitset<65536>>();
  if (unreleased_->test(packet_id)) return false;
  unreleased_->set(packet_id);
  return true;
}

void ClientConnection::on_ack(const mqtt::Ack& ack) {
  if (ack.type == mqtt::PacketType::kPubrel) {
    if (unreleased_) unreleased_->reset(ack.packet_id);
    mqtt::append_ack(mqtt::PacketType::kPubcomp, ack.packet_id, connection_->output());
    connection_->flush_later();
  } else if (ack.type == mqtt::PacketType::kUnsuback) {
    close(ErrorCode::kMalformed, "a packet that only a broker sends");
  }  // other acknowledgements are for what we never send at QoS 1 or 2
}

void ClientConnection::on_subscribe(const mqtt::Subscribe& subscribe) {
  bool valid = true;
  std::string codes;
  subscribe.filters.for_each([&](std::string_view filter, std::uint8_t qos) {
    if (!valid || connection_->closing() || !check_topic(filter)) return;
    valid = qos <= 2 && dxl::is_valid_filter(filter);
    codes += static_cast<char>(qos);
  });
  if (connection_->closing()) return;
  if (!valid) return close(ErrorCode::kMalformed, "SUBSCRIBE: not a filter one may subscribe to");
  std::string answer;
  mqtt::append_suback(subscribe.packet_id, codes, answer);
  hub_.commit(*this, fabric::Subscribed{id_, to_strings(subscribe.filters)}, std::move(answer));
}

void ClientConnection::on_unsubscribe(const mqtt::Unsubscribe& unsubscribe) {
  bool valid = true;
  unsubscribe.filters.for_each([&](std::string_view filter, std::uint8_t) {
    valid = valid && dxl::is_valid_filter(filter);
  });
  if (!valid) return close(ErrorCode::kMalformed, "UNSUBSCRIBE: not a filter");
  std::string answer;
  mqtt::append_ack(mqtt::PacketType::kUnsuback, unsubscribe.packet_id, answer);
  hub_.commit(*this, fabric::Unsubscribed{id_, to_strings(unsubscribe.filters)}, std::move(answer));
}

void ClientConnection::on_disconnect() {
  will_.reset();
  close(ErrorCode::kNotConnected, "the client disconnected");
}

}  // namespace tiara::broker
