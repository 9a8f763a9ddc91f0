#include "broker/hub.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "dxl/message.hpp"
#include "dxl/message_codec.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;
using fabric::ConnectionId;

constexpr std::string_view kArea = "broker";
constexpr unsigned kHubBits = 8, kPlaceBits = 24;  // 16 million connections at a time and hub
constexpr std::uint64_t kHubMask = (std::uint64_t{1} << kHubBits) - 1;
constexpr std::uint64_t kPlaceMask = (std::uint64_t{1} << kPlaceBits) - 1;
static_assert(kMaxThreads <= kHubMask);
// Connections beyond the limit that may get as far as CONNECT, where they are told so.
constexpr std::size_t kRefusableConnections = 256;
// Under memory pressure, who holds less than this is not to blame.
constexpr std::size_t kBlamelessBytes = 64 * 1024;
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::minutes kExpiryCheck{1};

std::size_t hub_of(ConnectionId id) { return id & kHubMask; }
std::size_t place_of(ConnectionId id) { return id >> kHubBits & kPlaceMask; }

fabric::RouterOptions with_callbacks(fabric::RouterOptions options,
                                     std::function<bool(ConnectionId)> is_overloaded,
                                     Shared& shared) {
  options.is_overloaded = std::move(is_overloaded);
  options.rates = [&shared]() -> fabric::MessageRates {
    return {shared.incoming_rate, shared.outgoing_rate};
  };
  options.on_routed = [&shared](const dxl::MessageView& message) {
    const base::SteadyTime now = std::chrono::steady_clock::now();
    if (message.type == dxl::MessageType::kRequest)
      shared.request_times.sent(message.message_id, now);
    else
      shared.request_times.answered(message.request_message_id, now);
  };
  return options;
}

}  // namespace

Hub::Hub(net::Loop& loop, std::size_t index, Shared& shared, fabric::RouterOptions options,
         std::chrono::seconds message_sample, fabric::Authorization authorization)
    : loop_(loop),
      index_(index),
      shared_(shared),
      limits_(shared.limits),
      message_sample_(message_sample),
      router_(
          with_callbacks(
              std::move(options), [this](ConnectionId id) { return is_overloaded(id); }, shared),
          std::move(authorization), clock_, random_),
      courier_(*this, shared.hub_count) {}

Hub::~Hub() = default;

void Hub::start() {
  sample_began_ = clock_.now();
  next_expiry_ = sample_began_ + kExpiryCheck;
  loop_.every_turn([this] { end_of_turn(); });
  timer_ = loop_.schedule(kTick, [this] { tick(); });
}

void Hub::set_limits(const BrokerLimits& limits) {
  limits_ = limits;
  for (const auto& client : places_)
    if (client) client->on_new_limits();
}

void Hub::accept(std::unique_ptr<net::Stream> stream, bool in_process_service) {
  if (shut_down_done_) return stream->close();
  if (shared_.streams >= limits().connections + kRefusableConnections) {
    count(Limit::kConnections);
    base::log(LogLevel::kInfo, kArea, "client {} refused: connections: the limit of {} is reached",
              stream->peer_name(), limits().connections);
    return stream->close();
  }
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t place = free_places_.back();
  free_places_.pop_back();
  const ConnectionId id = (std::uint64_t{++accepted_} << kPlaceBits | place) << kHubBits | index_;
  auto& client = places_[place];
  client = std::make_unique<ClientConnection>(*this, id, in_process_service, clock_.now());
  ++clients_;
  ++shared_.streams;
  client->start(loop_, std::move(stream));
}

ClientConnection* Hub::find(ConnectionId id) {
  if (hub_of(id) != index_ || place_of(id) >= places_.size()) return nullptr;
  ClientConnection* client = places_[place_of(id)].get();
  return client != nullptr && client->id() == id ? client : nullptr;
}

bool Hub::is_overloaded(ConnectionId id) {
  std::size_t unsent = 0;
  if (const ClientConnection* client = find(id)) {
    unsent = client->unsent_bytes();
  } else if (const auto load = loads_.find(id); load != loads_.end()) {
    unsent = load->second->unsent.load(std::memory_order_relaxed);
  }
  if (unsent <= limits().request_backlog_bytes) return false;
  count(Limit::kRequestBacklogBytes);
  return true;
}

bool Hub::admit(ClientConnection& client, std::string reply_topic, std::string answer) {
  if (!client.in_process_service() && ++shared_.admitted > limits().connections) {
    --shared_.admitted;
    count(Limit::kConnections);
    return false;
  }
  std::vector<fabric::Thumbprints> chain;
  std::vector<std::string> serials;
  for (const net::PeerCertificate& certificate : client.peer_chain()) {
    chain.push_back({certificate.sha1, certificate.sha256});
    serials.push_back(certificate.issuer_serial);
  }
  std::string subject = client.peer_chain().empty() ? "" : client.peer_chain().back().subject;
  fabric::Identity identity =
      fabric::make_identity(std::move(chain), std::move(subject), base::make_uuid(random_));
  identity.reply_topic = std::move(reply_topic);
  identity.issuer_serials = std::move(serials);
  identity.in_process_service = client.in_process_service();
  connects_.add();
  if (shared_.on_client) shared_.on_client(identity);
  client.begin_change();
  commit(client.id(), fabric::ClientConnected{client.id(), std::move(identity)}, client.load(),
         std::move(answer));
  return true;
}

void Hub::commit(ClientConnection& client, fabric::Change change, std::string answer) {
  client.begin_change();
  commit(client.id(), std::move(change), nullptr, std::move(answer));
}

void Hub::commit(fabric::Change change, std::function<void()> done) {
  ++commits_under_way_;
  shared_.replicas.commit(*this, std::move(change), nullptr,
                          [this, done = std::move(done)](const auto& applied, const auto& outcome) {
                            complete(0, {}, applied, outcome);
                            if (done) done();
                          });
}

void Hub::commit(ConnectionId client, fabric::Change change, std::shared_ptr<const Load> load,
                 std::string answer) {
  ++commits_under_way_;
  shared_.replicas.commit(
      *this, std::move(change), std::move(load),
      [this, client, answer = std::move(answer)](const auto& applied, const auto& outcome) {
        complete(client, answer, applied, outcome);
      });
}

fabric::Outcome Hub::apply(const fabric::Change& change, const std::shared_ptr<const Load>& load) {
  if (const auto* connected = std::get_if<fabric::ClientConnected>(&change)) {
    if (hub_of(connected->connection) != index_) loads_[connected->connection] = load;
  } else if (const auto* gone = std::get_if<fabric::ClientDisconnected>(&change)) {
    loads_.erase(gone->connection);
  }
  // What was routed before the change is on its way before anybody hears that it is done.
  if (shared_.hub_count > 1) courier_.hand_over();
  fabric::Outcome outcome = router_.apply(change);
  end_revoked(outcome);
  return outcome;
}

void Hub::complete(ConnectionId id, const std::string& answer, const fabric::Change& change,
                   const fabric::Outcome& outcome) {
  --commits_under_way_;
  deliveries_.clear();
  // A SUBACK comes before what follows from the subscription; PUBACK comes last.
  const bool answer_first = std::holds_alternative<fabric::Subscribed>(change);
  ClientConnection* client = find(id);
  if (client != nullptr && answer_first) client->end_change(answer);
  const fabric::Refusal refusal = router_.announce(change, outcome, deliveries_);
  hand_out(id);
  if (client != nullptr) {
    note_refusal(*client, refusal, "the service registry");
    if (!answer_first) client->end_change(answer);
  }
  finish_shut_down();
}

void Hub::publish(ClientConnection& client, std::string_view topic, std::string_view payload,
                  std::string_view answer) {
  messages_in_.add();
  deliveries_.clear();
  std::optional<fabric::Change> change;
  const fabric::Refusal refusal = router_.publish(client.id(), topic, payload, deliveries_, change);
  hand_out(client.id());
  note_refusal(client, refusal, topic);
  if (refusal == fabric::Refusal::kNone && router_.asks_for_dump(topic)) log_state();
  if (refusal == fabric::Refusal::kNone) note_complaint(client);
  if (change && !pass_on(client, *change))
    commit(client, *std::move(change), std::string(answer));
  else
    client.reply(answer);
}

void Hub::answer_oversize(ClientConnection& client, const dxl::MessageView& request,
                          std::size_t bytes) {
  deliveries_.clear();
  router_.respond_error(
      client.id(), request, dxl::kMessageTooLarge,
      fmt::format("message of {} bytes exceeds the limit of {}", bytes, limits().message_bytes),
      deliveries_);
  hand_out(client.id());
}

void Hub::hand_out(ConnectionId from) {
  const bool alone = shared_.hub_count == 1;
  for (const fabric::Delivery& delivery : deliveries_.items) {
    const std::string_view topic = deliveries_.topic(delivery);
    const std::string_view payload = deliveries_.payload(delivery);
    if (!alone) courier_.begin();
    for (std::size_t i = 0; i < delivery.target_count; ++i) {
      const ConnectionId target = deliveries_.targets[delivery.first_target + i];
      if (hub_of(target) == index_)
        deliver(target, topic, payload);
      else
        courier_.add(hub_of(target), from, topic, payload, target);
    }
  }
}

void Hub::deliver(ConnectionId target, std::string_view topic, std::string_view payload) {
  ClientConnection* const client = find(target);
  if (client == nullptr || !client->deliver(topic, payload)) return;
  messages_out_.add();
  const bool is_short = shared_.budget->used > limits().buffered_bytes;
  if (is_short && !asked_for_relief_) relieve();
}

void Hub::receive(const Batch& batch) {
  const fabric::Deliveries& messages = batch.messages;
  for (std::size_t i = 0; i < messages.items.size(); ++i) {
    const fabric::Delivery& delivery = messages.items[i];
    const std::string_view topic = messages.topic(delivery), payload = messages.payload(delivery);
    bool reached = false;
    for (std::size_t k = 0; k < delivery.target_count; ++k) {
      const ConnectionId target = messages.targets[delivery.first_target + k];
      reached = reached || find(target) != nullptr;
      deliver(target, topic, payload);
    }
    if (!reached) answer_unreachable(batch.from[i], payload);
  }
}

// The target left while the message was on its way from another thread.
void Hub::answer_unreachable(ConnectionId from, std::string_view payload) {
  const auto message = dxl::decode_message(payload);
  if (!message || message->type != dxl::MessageType::kRequest) return;
  deliveries_.clear();
  router_.respond_error(from, *message, dxl::kServiceUnavailable,
                        "unable to locate service for request", deliveries_);
  hand_out(from);
}

// Memory is short: whoever has most waiting loses its connection, until there is enough again. Who
// has less than the average is not to blame; then it is another hub's to close somebody.
void Hub::relieve() {
  while (shared_.budget->used > limits().buffered_bytes) {
    ClientConnection* most = nullptr;
    for (const auto& client : places_) {
      if (!client || client->in_process_service() || client->closing()) continue;
      if (most == nullptr || client->held_bytes() > most->held_bytes()) most = client.get();
    }
    const std::size_t average = shared_.budget->used / std::max<std::size_t>(shared_.streams, 1);
    if (most == nullptr || most->held_bytes() < std::max(average, kBlamelessBytes))
      return ask_for_relief();
    count(Limit::kBufferedBytes);
    most->abort(
        fmt::format("slow consumer: {} bytes wait for it, and more than {} for all clients "
                    "together (buffered_bytes)",
                    most->held_bytes(), limits().buffered_bytes));
  }
}

// Once per turn is enough.
void Hub::ask_for_relief() {
  if (std::exchange(asked_for_relief_, true)) return;
  for (Hub* const hub : shared_.replicas.hubs())
    if (hub != this) hub->loop().post([hub] { hub->relieve(); });
}

bool Hub::must_wait_for_room(ClientConnection& client) {
  if (!courier_.congested()) return false;
  waiting_for_room_.push_back(client.id());
  return true;
}

void Hub::on_room() {
  std::vector<ConnectionId> waiting;
  waiting.swap(waiting_for_room_);
  for (const ConnectionId id : waiting)
    if (ClientConnection* client = find(id)) client->resume(ClientConnection::kRoom);
}

void Hub::watch(ClientConnection& client) {
  if (shared_.hub_count > 1) watched_.push_back(client.id());
}

void Hub::leave(ClientConnection& client) {
  const ConnectionId id = client.id();
  const bool admitted = client.admitted(), counts = !client.in_process_service();
  places_[place_of(id)].reset();
  free_places_.push_back(static_cast<std::uint32_t>(place_of(id)));
  --clients_;
  --shared_.streams;
  if (admitted) {
    if (counts) --shared_.admitted;
    commit(fabric::ClientDisconnected{id}, {});
  }
  finish_shut_down();
}

void Hub::tick() {
  const base::SteadyTime now = clock_.now();
  for (const auto& client : places_)
    if (client) client->tick(now);
  if (index_ == 0) {  // one does it for all
    sample_rates(now);
    base::tell_repeated_log_lines();
    if (now >= next_expiry_) {
      next_expiry_ = now + kExpiryCheck;
      if (router_.has_expired_services()) commit(fabric::ServicesExpired{now}, {});
    }
  }
  timer_ = loop_.schedule(kTick, [this] { tick(); });
}

void Hub::sample_rates(base::SteadyTime now) {
  const std::chrono::duration<double> elapsed = now - sample_began_;
  if (elapsed < message_sample_) return;
  std::uint64_t in = 0, out = 0;
  for (const Hub* hub : shared_.replicas.hubs()) {
    in += hub->messages_in_.value();
    out += hub->messages_out_.value();
  }
  shared_.incoming_rate = static_cast<double>(in - sampled_in_) / elapsed.count();
  shared_.outgoing_rate = static_cast<double>(out - sampled_out_) / elapsed.count();
  sampled_in_ = in;
  sampled_out_ = out;
  sample_began_ = now;
}

void Hub::end_of_turn() {
  asked_for_relief_ = false;
  if (shared_.hub_count > 1) courier_.hand_over();
  std::erase_if(watched_, [this](ConnectionId id) {
    ClientConnection* const client = find(id);
    return client == nullptr || !client->report_load();
  });
}

void Hub::shut_down(std::function<void()> done) {
  shut_down_done_ = std::move(done);
  timer_.reset();
  for (const auto& client : places_)
    if (client) client->close(dxl::ErrorCode::kCancelled, "the broker is shutting down");
  finish_shut_down();
}

void Hub::finish_shut_down() {
  if (shut_down_done_ && clients_ == 0 && commits_under_way_ == 0)
    std::exchange(shut_down_done_, [] {})();
}

}  // namespace tiara::broker
