#include "broker/client_connection.hpp"

#include <bit>
#include <utility>

#include "base/log.hpp"
#include "broker/hub.hpp"
#include "dxl/message_codec.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;
using dxl::ErrorCode;

constexpr std::string_view kArea = "broker";
// What one client's packets may take of a turn, though one is always handled.
constexpr std::chrono::milliseconds kTurnShare{4};

}  // namespace

ClientConnection::ClientConnection(Hub& hub, fabric::ConnectionId id, bool in_process_service,
                                   base::SteadyTime now)
    : hub_(hub),
      id_(id),
      in_process_service_(in_process_service),
      patience_(hub.limits().connect_deadline),
      last_heard_(now) {
  if (hub.shared().hub_count > 1) load_ = std::make_shared<Load>();
  if (hub.limits().publish_rate > 0 && !in_process_service)
    rate_ = std::make_unique<PublishRate>(hub.limits().publish_rate, now);
}

void ClientConnection::start(net::Loop& loop, std::unique_ptr<net::Stream> stream) {
  loop_ = &loop;
  label_ = stream->peer_name();
  net::ConnectionLimits limits;
  limits.output_limit = hub_.limits().outgoing_bytes;
  limits.handshake_deadline = hub_.limits().handshake_deadline;
  limits.budget = hub_.shared().budget;
  connection_ = net::Connection::start(loop, std::move(stream), *this, limits);
}

void ClientConnection::on_open(net::Connection& connection) {
  if (!connection.peer_chain().empty())
    label_ += " (" + connection.peer_chain().back().subject + ")";
}

std::size_t ClientConnection::on_bytes(net::Connection& connection, std::string_view bytes) {
  heard_ = true;
  // Decided by the first byte: who speaks another protocol need not be heard out.
  if (phase_ == Phase::kNew && static_cast<unsigned char>(bytes.front()) >> 4 !=
                                   static_cast<unsigned>(mqtt::PacketType::kConnect))
    close(ErrorCode::kMalformed, "the first packet is not CONNECT");
  std::size_t consumed = 0;
  const auto end = std::chrono::steady_clock::now() + kTurnShare;
  while (consumed < bytes.size() && !connection.closing() && !changing_ && pauses_ == 0) {
    const std::string_view rest = bytes.substr(consumed);
    const std::size_t taken = oversize_ ? take_oversize(rest) : take_packet(rest);
    if (taken == 0) break;
    consumed += taken;
    if (std::chrono::steady_clock::now() >= end && consumed < bytes.size()) yield_turn();
  }
  if (connection.closing()) return bytes.size();  // nothing of it is read any more
  if (changing_) pause(kChange);
  return consumed;
}

// The others come first: few bytes may ask for much work.
void ClientConnection::yield_turn() {
  if (connection_->closing() || changing_) return;
  pause(kTurn);
  loop_->post([hub = &hub_, id = id_] {
    if (ClientConnection* const client = hub->find(id)) client->resume(kTurn);
  });
}

// Handles one packet and returns its length; 0 if it is not there yet or must wait.
std::size_t ClientConnection::take_packet(std::string_view bytes) {
  const BrokerLimits& limits = hub_.limits();
  const auto header = mqtt::peek_header(bytes);
  if (!header) {
    close(header.error().code, header.error().message);
    return 0;
  }
  if (!*header) return 0;
  const bool is_new = phase_ == Phase::kNew;
  const std::size_t most = is_new ? limits.connect_bytes : limits.message_bytes;
  if ((*header)->body_bytes > most) {
    if (begin_oversize(**header)) return (*header)->header_bytes;
    exceed(is_new ? Limit::kConnectBytes : Limit::kMessageBytes,
           fmt::format("a packet of {} bytes, the limit is {}", (*header)->body_bytes, most));
    return 0;
  }
  if ((*header)->type == mqtt::PacketType::kPublish) {
    if (hub_.must_wait_for_room(*this)) {
      pause(kRoom);
      return 0;
    }
    if (!within_rate()) return 0;
  }
  const auto frame = mqtt::next_frame(bytes, most);
  if (!frame || !*frame) return 0;
  on_frame(**frame);
  return (*frame)->total_bytes;
}

// A message that is too long costs its sender the message, not the connection.
bool ClientConnection::begin_oversize(const mqtt::FrameHeader& header) {
  const bool is_skipped = phase_ == Phase::kAdmitted && header.type == mqtt::PacketType::kPublish &&
                          header.body_bytes <= kOversizeFactor * hub_.limits().message_bytes &&
                          (header.flags & 6U) != 6U;
  if (is_skipped) oversize_ = std::make_unique<OversizePublish>(header);
  return is_skipped;
}

std::size_t ClientConnection::take_oversize(std::string_view bytes) {
  const std::size_t taken = oversize_->feed(bytes);
  if (!oversize_->done()) return taken;
  const auto publish = std::move(oversize_);
  if (!may_publish_to(publish->topic())) return taken;
  hub_.count(Limit::kMessageBytes);
  if (std::has_single_bit(++lost_))
    base::log_event(
        LogLevel::kWarning, kArea, "message.oversize", subject(),
        {{"client", label_},
         {"thumbprint", thumbprint()},
         {"name", name()},
         {"topic", publish->topic()}},
        fmt::format("client {}: message to {} skipped: {} bytes, the limit is {} (message_bytes)",
                    label_, publish->topic(), publish->body_bytes(), hub_.limits().message_bytes));
  if (const auto bytes_left = publish->message_without_payload()) {
    const auto message = dxl::decode_message(*bytes_left);
    if (message && message->type == dxl::MessageType::kRequest)
      hub_.answer_oversize(*this, *message, publish->body_bytes());
  }
  std::string answer;
  if (publish->qos() == 1)
    mqtt::append_ack(mqtt::PacketType::kPuback, publish->packet_id(), answer);
  if (publish->qos() == 2)
    mqtt::append_ack(mqtt::PacketType::kPubrec, publish->packet_id(), answer);
  reply(answer);
  return taken;
}

bool ClientConnection::within_rate() {
  if (!rate_ || rate_->take(base::SystemClock().now())) return true;
  hub_.count(Limit::kPublishRate);
  if (!std::exchange(slowed_, true))
    base::log(LogLevel::kWarning, kArea,
              "client {} is read more slowly: more than {} messages a second (publish_rate)",
              label_, hub_.limits().publish_rate);
  pause(kRate);
  rate_timer_ = loop_->schedule(rate_->wait(), [this] { resume(kRate); });
  return false;
}

void ClientConnection::pause(PauseReason reason) {
  if (pauses_ == 0) connection_->pause_input();
  pauses_ = static_cast<std::uint8_t>(pauses_ | reason);
}

void ClientConnection::resume(PauseReason reason) {
  if ((pauses_ & reason) == 0) return;
  pauses_ = static_cast<std::uint8_t>(pauses_ & ~reason);
  if (pauses_ == 0) connection_->resume_input();
}

void ClientConnection::end_change(std::string_view answer) {
  changing_ = false;
  if (connection_->closing()) return;
  if (within_subscription_limits()) {
    reply(answer);
    resume(kChange);
  }
}

// Our own service is not limited: what a low limit is for are the others.
bool ClientConnection::within_subscription_limits() {
  if (in_process_service_) return true;
  const BrokerLimits& limits = hub_.limits();
  if (hub_.router().subscription_count(id_) > limits.subscriptions_per_client)
    exceed(Limit::kSubscriptionsPerClient,
           fmt::format("more than {} subscriptions", limits.subscriptions_per_client));
  if (hub_.router().subscription_bytes(id_) > limits.subscription_bytes_per_client)
    exceed(Limit::kSubscriptionBytesPerClient,
           fmt::format("subscriptions of more than {} bytes together",
                       limits.subscription_bytes_per_client));
  return !connection_->closing();
}

void ClientConnection::reply(std::string_view packets) {
  if (packets.empty() || connection_->closing()) return;
  connection_->output().append(packets);
  connection_->flush_later();
}

bool ClientConnection::deliver(std::string_view topic, std::string_view payload) {
  if (connection_->closing()) return false;
  const BrokerLimits& limits = hub_.limits();
  if (connection_->unsent_bytes() + mqtt::publish_size(topic, payload.size()) >
      limits.outgoing_bytes)
    return lose(topic);
  mqtt::append_publish(topic, payload, connection_->output());
  connection_->flush_later();
  const std::size_t worth_telling = limits.request_backlog_bytes / 2;
  if (load_ && connection_->unsent_bytes() > worth_telling &&
      load_->unsent.load(std::memory_order_relaxed) <= worth_telling) {
    load_->unsent.store(connection_->unsent_bytes(), std::memory_order_relaxed);
    hub_.watch(*this);
  }
  return true;
}

bool ClientConnection::report_load() {
  const std::size_t unsent = connection_->unsent_bytes();
  load_->unsent.store(unsent, std::memory_order_relaxed);
  return unsent > hub_.limits().request_backlog_bytes / 2;
}

bool ClientConnection::lose(std::string_view topic) {
  const BrokerLimits& limits = hub_.limits();
  if (!in_process_service_ && limits.slow_consumer == SlowConsumer::kClose) {
    exceed(Limit::kOutgoingBytes,
           fmt::format("slow consumer: more than {} bytes unsent", limits.outgoing_bytes));
    return false;
  }
  hub_.count(Limit::kOutgoingBytes);
  hub_.count_dropped();
  if (std::has_single_bit(++lost_))
    base::log_event(
        LogLevel::kWarning, kArea, "message.lost", subject(),
        {{"client", label_}, {"thumbprint", thumbprint()}, {"name", name()}, {"topic", topic}},
        fmt::format("client {}: slow consumer: a message on {} is lost to it, more than {} bytes "
                    "are unsent (outgoing_bytes); {} so far",
                    label_, topic, limits.outgoing_bytes, lost_));
  return false;
}

bool ClientConnection::note_refusal(fabric::Refusal refusal) {
  ++refusals_;
  const auto bit = static_cast<std::uint16_t>(1U << static_cast<unsigned>(refusal));
  const bool first = (refusals_logged_ & bit) == 0;
  refusals_logged_ = static_cast<std::uint16_t>(refusals_logged_ | bit);
  return first;
}

void ClientConnection::tick(base::SteadyTime now) {
  if (std::exchange(heard_, false) && phase_ == Phase::kAdmitted) last_heard_ = now;
  // Whom we do not read, we do not hear; that it takes what we send is a sign of life.
  const std::uint64_t sent_before = sent_;
  count_bytes();
  const bool has_taken = sent_ != sent_before;
  if (pauses_ != 0 || (has_taken && connection_->holds_back_input())) last_heard_ = now;
  if (now - last_heard_ <= patience_ || connection_->closing() || in_process_service_) return;
  if (phase_ == Phase::kAdmitted) {
    hub_.count(Limit::kKeepAliveSeconds);
    close(ErrorCode::kTimedOut,
          fmt::format("keep-alive: nothing heard for {} s",
                      std::chrono::duration_cast<std::chrono::seconds>(now - last_heard_).count()));
  } else {
    exceed(Limit::kConnectSeconds, fmt::format("no CONNECT within {} ms", patience_.count()));
  }
}

void ClientConnection::count_bytes() {
  const std::uint64_t in = connection_->bytes_in(), out = connection_->bytes_out();
  hub_.count_bytes(in - std::exchange(heard_bytes_, in), out - std::exchange(sent_, out));
}

void ClientConnection::on_new_limits() {
  if (in_process_service_) return;
  const std::size_t rate = hub_.limits().publish_rate;
  rate_ = rate > 0 ? std::make_unique<PublishRate>(rate, base::SystemClock().now()) : nullptr;
  rate_timer_.reset();
  resume(kRate);
}

std::string_view ClientConnection::thumbprint() const {
  const auto& chain = connection_->peer_chain();
  return chain.empty() ? std::string_view() : std::string_view(chain.back().sha1);
}

std::string_view ClientConnection::name() const {
  const auto& chain = connection_->peer_chain();
  return chain.empty() ? std::string_view() : std::string_view(chain.back().subject);
}

std::string_view ClientConnection::subject() const {
  const std::string_view certificate = thumbprint();
  return certificate.empty() ? std::string_view(label_).substr(0, label_.rfind(':')) : certificate;
}

void ClientConnection::exceed(Limit limit, std::string reason) {
  hub_.count(limit);
  close(limit == Limit::kConnectSeconds ? ErrorCode::kTimedOut : ErrorCode::kLimitExceeded,
        fmt::format("{} ({})", reason, to_string(limit)));
}

void ClientConnection::close(ErrorCode code, std::string reason) {
  connection_->close({code, std::move(reason), 0});
}

void ClientConnection::revoke() {
  if (connection_->closing()) return;
  will_.reset();
  std::string names;
  for (const net::PeerCertificate& certificate : peer_chain())
    names += (names.empty() ? "" : ", ") + certificate.subject + " " + certificate.sha1;
  close(ErrorCode::kNotAuthorised, "a certificate of its chain is revoked: " + names);
}

void ClientConnection::abort(std::string reason) {
  connection_->abort({ErrorCode::kLimitExceeded, std::move(reason), 0});
}

void ClientConnection::on_closed(net::Connection&, const dxl::Error& reason) {
  if (phase_ == Phase::kAdmitted && will_) {
    const OwnedWill will = *std::exchange(will_, std::nullopt);
    hub_.publish(*this, will.topic, will.payload, {});
  }
  count_bytes();
  const bool is_new = phase_ == Phase::kNew;
  std::string text =
      fmt::format("client {} {}: {}", label_, is_new ? "refused" : "closed", reason.message);
  if (refusals_ > 0)
    text +=
        fmt::format("; {} of its messages {} refused", refusals_, refusals_ == 1 ? "was" : "were");
  const LogLevel level =
      reason.code == ErrorCode::kLimitExceeded ? LogLevel::kWarning : LogLevel::kInfo;
  base::log_event(level, kArea, is_new ? "client.refused" : "client.closed", subject(),
                  {{"client", label_},
                   {"thumbprint", thumbprint()},
                   {"name", name()},
                   {"reason", to_string(reason.code)}},
                  text);
  hub_.leave(*this);
}

}  // namespace tiara::broker
