#include "broker/hub.hpp"

#include <utility>

#include "base/log.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;

constexpr std::string_view kArea = "broker";
constexpr unsigned kPlaceBits = 24;  // 16 million connections at a time
constexpr std::uint64_t kPlaceMask = (std::uint64_t{1} << kPlaceBits) - 1;
// Connections beyond the limit that may get as far as CONNECT, where they are told so.
constexpr std::size_t kRefusableConnections = 256;
constexpr std::size_t kTopicBytesInLog = 200;
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::minutes kRouterTick{1};

}  // namespace

Hub::Hub(net::Loop& loop, BrokerLimits limits, std::string broker_id,
         fabric::Authorization authorization)
    : loop_(loop),
      limits_(std::move(limits)),
      router_({.broker_id = std::move(broker_id),
               .start_time = base::SystemClock().epoch_seconds(),
               .is_overloaded = [this](fabric::ConnectionId id) { return is_overloaded(id); }},
              std::move(authorization), clock_, random_) {}

Hub::~Hub() = default;

void Hub::start() {
  next_router_tick_ = clock_.now() + kRouterTick;
  timer_ = loop_.schedule(kTick, [this] { tick(); });
}

void Hub::accept(std::unique_ptr<net::Stream> stream, bool in_process_service) {
  if (shut_down_done_) return stream->close();
  if (clients_ >= limits_.connections + kRefusableConnections) {
    base::log(LogLevel::kDebug, kArea, "client {} refused: connections: the limit of {} is reached",
              stream->peer_name(), limits_.connections);
    return stream->close();
  }
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t place = free_places_.back();
  free_places_.pop_back();
  const fabric::ConnectionId id = (++accepted_ << kPlaceBits) | place;
  auto& client = places_[place];
  client = std::make_unique<ClientConnection>(*this, id, in_process_service, clock_.now());
  ++clients_;
  client->start(loop_, std::move(stream));
}

ClientConnection* Hub::find(fabric::ConnectionId id) {
  ClientConnection* client = places_[id & kPlaceMask].get();
  return client != nullptr && client->id() == id ? client : nullptr;
}

bool Hub::is_overloaded(fabric::ConnectionId id) {
  const ClientConnection* client = find(id);
  return client != nullptr && client->unsent_bytes() > limits_.request_backlog;
}

mqtt::ConnectCode Hub::admit(ClientConnection& client) {
  if (router_.connection_count() >= limits_.connections) return mqtt::ConnectCode::kUnavailable;
  std::vector<fabric::Thumbprints> chain;
  for (const net::PeerCertificate& certificate : client.peer_chain())
    chain.push_back({certificate.sha1, certificate.sha256});
  std::string subject = client.peer_chain().empty() ? "" : client.peer_chain().back().subject;
  fabric::Identity identity =
      fabric::make_identity(std::move(chain), std::move(subject), base::make_uuid(random_));
  identity.in_process_service = client.in_process_service();
  router_.connect(client.id(), std::move(identity));
  return mqtt::ConnectCode::kAccepted;
}

void Hub::publish(ClientConnection& client, std::string_view topic, std::string_view payload) {
  ++messages_in_;
  deliveries_.clear();
  const fabric::Refusal refusal = router_.publish(client.id(), topic, payload, deliveries_);
  hand_out();
  if (refusal == fabric::Refusal::kNone) return;
  ++refused_;
  if (client.note_refusal(refusal)) log_refusal(client, refusal, topic);
}

void Hub::hand_out() {
  for (const fabric::Delivery& delivery : deliveries_.items) {
    const std::string_view topic = deliveries_.topic(delivery);
    const std::string_view payload = deliveries_.payload(delivery);
    for (std::size_t i = 0; i < delivery.target_count; ++i) {
      ClientConnection* target = find(deliveries_.targets[delivery.first_target + i]);
      if (target != nullptr && target->deliver(topic, payload)) ++messages_out_;
    }
  }
}

// The first of its kind on a connection only; the rest is counted and told when it closes.
void Hub::log_refusal(const ClientConnection& client, fabric::Refusal refusal,
                      std::string_view topic) {
  // Nobody there is the requester's business, and it is told.
  const LogLevel level =
      refusal == fabric::Refusal::kNoDestination ? LogLevel::kDebug : LogLevel::kWarning;
  const std::string_view detail = router_.refusal_detail();
  base::log(level, kArea, "client {}: message to {} refused ({}){}{}", client.label(),
            topic.substr(0, kTopicBytesInLog), fabric::to_string(refusal),
            detail.empty() ? "" : ": ", detail);
}

void Hub::leave(ClientConnection& client) {
  const fabric::ConnectionId id = client.id();
  if (client.admitted()) {
    deliveries_.clear();
    router_.disconnect(id, deliveries_);
    hand_out();
  }
  const auto place = static_cast<std::uint32_t>(id & kPlaceMask);
  places_[place].reset();
  free_places_.push_back(place);
  --clients_;
  finish_shut_down();
}

void Hub::tick() {
  const base::SteadyTime now = clock_.now();
  for (const auto& client : places_)
    if (client) client->tick(now);
  if (now >= next_router_tick_) {
    next_router_tick_ = now + kRouterTick;
    deliveries_.clear();
    router_.tick(deliveries_);
    hand_out();
  }
  timer_ = loop_.schedule(kTick, [this] { tick(); });
}

void Hub::shut_down(std::function<void()> done) {
  shut_down_done_ = std::move(done);
  timer_.reset();
  for (const auto& client : places_)
    if (client) client->close(dxl::ErrorCode::kCancelled, "the broker is shutting down");
  finish_shut_down();
}

void Hub::finish_shut_down() {
  if (shut_down_done_ && clients_ == 0) shut_down_done_();
}

void Hub::set_authorization(fabric::Authorization authorization) {
  base::log(LogLevel::kInfo, kArea, "authorization: {} members and {} topic rules are in force",
            authorization.policy().members.size(), authorization.policy().rules.size());
  router_.set_authorization(std::move(authorization));
}

BrokerStatus Hub::status() const {
  BrokerStatus status;
  status.connections = router_.connection_count();
  status.services = router_.service_count();
  status.messages_in = messages_in_;
  status.messages_out = messages_out_;
  status.refused_publishes = refused_;
  return status;
}

}  // namespace tiara::broker
