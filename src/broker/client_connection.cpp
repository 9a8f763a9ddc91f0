#include "broker/client_connection.hpp"

#include <algorithm>
#include <bit>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/log.hpp"
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

}  // namespace

ClientConnection::ClientConnection(Hub& hub, fabric::ConnectionId id, bool in_process_service,
                                   base::SteadyTime now)
    : hub_(hub),
      id_(id),
      in_process_service_(in_process_service),
      patience_(hub.limits().connection.handshake_deadline + hub.limits().connect_deadline),
      last_heard_(now) {}

void ClientConnection::start(net::Loop& loop, std::unique_ptr<net::Stream> stream) {
  label_ = stream->peer_name();
  connection_ = net::Connection::start(loop, std::move(stream), *this, hub_.limits().connection);
}

void ClientConnection::on_open(net::Connection& connection) {
  if (!connection.peer_chain().empty())
    label_ += " (" + connection.peer_chain().back().subject + ")";
  patience_ = hub_.limits().connect_deadline;
}

std::size_t ClientConnection::on_bytes(net::Connection& connection, std::string_view bytes) {
  heard_ = true;
  // Decided by the first byte: who speaks another protocol need not be heard out.
  if (phase_ == Phase::kNew && static_cast<unsigned char>(bytes.front()) >> 4 !=
                                   static_cast<unsigned>(mqtt::PacketType::kConnect))
    close(ErrorCode::kMalformed, "the first packet is not CONNECT");
  std::size_t consumed = 0;
  while (!connection.closing()) {
    const std::size_t limit =
        phase_ == Phase::kNew ? hub_.limits().connect_bytes : hub_.limits().message_bytes;
    const auto frame = mqtt::next_frame(bytes.substr(consumed), limit);
    if (!frame) {
      close(frame.error().code, frame.error().message);
      break;
    }
    if (!*frame) return consumed;
    on_frame(**frame);
    consumed += (*frame)->total_bytes;
  }
  return bytes.size();  // nothing of a closing connection is read any more
}

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
  const mqtt::ConnectCode code = hub_.admit(*this);
  if (code != mqtt::ConnectCode::kAccepted) {
    will_.reset();
    return refuse_connect(code, "connections: the limit is reached");
  }
  phase_ = Phase::kAdmitted;
  version_ = connect.version;
  const std::chrono::seconds asked{connect.keep_alive};
  const std::chrono::seconds most = hub_.limits().keep_alive_max;
  const std::chrono::seconds granted = asked.count() == 0 ? most : std::min(asked, most);
  patience_ = std::chrono::milliseconds(granted) * 3 / 2;
  mqtt::append_connack(code, connection_->output());
  connection_->flush_later();
  base::log(LogLevel::kInfo, kArea, "client {} connected with {}, keep-alive {} s", label_,
            name_of(version_), connect.keep_alive);
}

// QoS 1 and 2 are acknowledged as MQTT wants it; what is delivered goes out at QoS 0 like
// everything (DXL reference §9). Nothing is ever sent again within one connection, so that there is
// no state.
void ClientConnection::on_publish(const mqtt::Publish& publish) {
  if (!dxl::is_valid_topic(publish.topic))
    return close(ErrorCode::kMalformed, "PUBLISH: not a topic one may publish to");
  hub_.publish(*this, publish.topic, publish.payload);
  if (publish.qos == 0) return;
  const auto answer = publish.qos == 1 ? mqtt::PacketType::kPuback : mqtt::PacketType::kPubrec;
  mqtt::append_ack(answer, publish.packet_id, connection_->output());
  connection_->flush_later();
}

void ClientConnection::on_ack(const mqtt::Ack& ack) {
  if (ack.type == mqtt::PacketType::kPubrel) {
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
    valid = valid && qos <= 2 && dxl::is_valid_filter(filter);
    codes += static_cast<char>(qos);
  });
  if (!valid) return close(ErrorCode::kMalformed, "SUBSCRIBE: not a filter one may subscribe to");
  subscribe.filters.for_each(
      [&](std::string_view filter, std::uint8_t) { hub_.router().subscribe(id_, filter); });
  const std::size_t limit = hub_.limits().subscriptions_per_client;
  if (hub_.router().subscription_count(id_) > limit)
    return close(ErrorCode::kLimitExceeded,
                 fmt::format("subscriptions_per_client: more than {} subscriptions", limit));
  mqtt::append_suback(subscribe.packet_id, codes, connection_->output());
  connection_->flush_later();
}

void ClientConnection::on_unsubscribe(const mqtt::Unsubscribe& unsubscribe) {
  bool valid = true;
  unsubscribe.filters.for_each([&](std::string_view filter, std::uint8_t) {
    valid = valid && dxl::is_valid_filter(filter);
  });
  if (!valid) return close(ErrorCode::kMalformed, "UNSUBSCRIBE: not a filter");
  unsubscribe.filters.for_each(
      [&](std::string_view filter, std::uint8_t) { hub_.router().unsubscribe(id_, filter); });
  mqtt::append_ack(mqtt::PacketType::kUnsuback, unsubscribe.packet_id, connection_->output());
  connection_->flush_later();
}

void ClientConnection::on_disconnect() {
  will_.reset();
  close(ErrorCode::kNotConnected, "the client disconnected");
}

bool ClientConnection::deliver(std::string_view topic, std::string_view payload) {
  if (connection_->closing()) return false;
  const std::size_t limit = hub_.limits().connection.output_limit;
  if (connection_->unsent_bytes() + mqtt::publish_size(topic, payload.size()) > limit) {
    if (in_process_service_) return drop(topic);
    close(ErrorCode::kLimitExceeded,
          fmt::format("slow consumer: more than {} bytes unsent", limit));
    return false;
  }
  mqtt::append_publish(topic, payload, connection_->output());
  connection_->flush_later();
  return true;
}

// Our own service is never thrown off the fabric by what others send it.
bool ClientConnection::drop(std::string_view topic) {
  if (std::has_single_bit(++dropped_)) {
    base::log(LogLevel::kWarning, kArea,
              "client {}: dropped a message on {}: too much waits for the service ({} so far)",
              label(), topic, dropped_);
  }
  return false;
}

std::size_t ClientConnection::unsent_bytes() const { return connection_->unsent_bytes(); }

bool ClientConnection::note_refusal(fabric::Refusal refusal) {
  ++refusals_;
  const auto bit = static_cast<std::uint8_t>(1U << static_cast<unsigned>(refusal));
  const bool first = (refusals_logged_ & bit) == 0;
  refusals_logged_ |= bit;
  return first;
}

void ClientConnection::tick(base::SteadyTime now) {
  if (std::exchange(heard_, false) && phase_ == Phase::kAdmitted) last_heard_ = now;
  if (now - last_heard_ <= patience_ || connection_->closing()) return;
  if (phase_ == Phase::kAdmitted)
    close(ErrorCode::kTimedOut,
          fmt::format("keep-alive: nothing heard for {} s",
                      std::chrono::duration_cast<std::chrono::seconds>(now - last_heard_).count()));
  else
    close(ErrorCode::kTimedOut,
          fmt::format("connect_deadline: no CONNECT within {} ms", patience_.count()));
}

void ClientConnection::close(ErrorCode code, std::string reason) {
  connection_->close({code, std::move(reason), 0});
}

void ClientConnection::on_closed(net::Connection&, const dxl::Error& reason) {
  if (phase_ == Phase::kAdmitted && will_) {
    const OwnedWill will = *std::exchange(will_, std::nullopt);
    hub_.publish(*this, will.topic, will.payload);
  }
  const std::string_view verb = phase_ == Phase::kNew ? "refused" : "closed";
  if (refusals_ == 0)
    base::log(LogLevel::kInfo, kArea, "client {} {}: {}", label_, verb, reason.message);
  else
    base::log(LogLevel::kInfo, kArea, "client {} {}: {}; {} of its messages were refused", label_,
              verb, reason.message, refusals_);
  hub_.leave(*this);
}

}  // namespace tiara::broker
