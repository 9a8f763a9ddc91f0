#include "session/session.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <variant>

#include "dxl/topic.hpp"
#include "mqtt/packet.hpp"
#include "session/message_id.hpp"

namespace tiara::session {
namespace {

using dxl::ErrorCode;

enum class State : std::uint8_t {
  kDown,         // no connection, or refused
  kConnecting,   // CONNECT sent
  kSubscribing,  // CONNACK 0 came; the reply topic's SUBACK has not
  kReady,
};

constexpr std::uint8_t kHighestQos = 2;

std::string_view reason_of(mqtt::ConnectCode code) {
  switch (code) {
    case mqtt::ConnectCode::kAccepted:
      return "accepted";
    case mqtt::ConnectCode::kBadVersion:
      return "unacceptable protocol version";
    case mqtt::ConnectCode::kIdRejected:
      return "client id rejected";
    case mqtt::ConnectCode::kUnavailable:
      return "broker unavailable";
    case mqtt::ConnectCode::kBadCredentials:
      return "bad user name or password";
    case mqtt::ConnectCode::kNotAuthorised:
      return "not authorised";
  }
  return "unknown reason";
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

struct Session::Impl {
  SessionOptions options;
  SessionEvents& events;
  MessageIdMaker ids;
  std::string reply_topic;

  State state = State::kDown;
  mqtt::Version version = mqtt::Version::k311;  // of the connection, or the next
  base::SteadyTime now{};                       // the latest time a caller told
  base::SteadyTime last_received{};
  base::SteadyTime last_sent{};
  std::uint16_t last_packet_id = 0;
  std::uint16_t reply_subscribe_id = 0;
  std::uint64_t pings_sent = 0;
  std::uint64_t pongs_received = 0;
  std::map<std::string, std::size_t, std::less<>> subscriptions;  // filter to number of uses
  RequestTable requests;
  std::string scratch;  // one encoded message

  Impl(SessionOptions o, SessionEvents& e, base::Random& random)
      : options(std::move(o)),
        events(e),
        ids(random),
        reply_topic(dxl::reply_topic_of(options.client_id)) {}

  std::uint16_t next_packet_id() {
    if (++last_packet_id == 0) ++last_packet_id;
    return last_packet_id;
  }

  std::uint16_t subscribe(std::string_view filter, std::string& out) {
    const std::uint16_t id = next_packet_id();
    mqtt::append_subscribe(id, filter, out);
    last_sent = now;
    return id;
  }

  void publish(std::string_view topic, const dxl::MessageView& message, std::string& out) {
    scratch.clear();
    dxl::append_message(message, scratch);
    mqtt::append_publish(topic, scratch, out);
    last_sent = now;
  }

  std::uint64_t ping(std::string& out) {
    mqtt::append_pingreq(out);
    last_sent = now;
    return ++pings_sent;
  }

  void refuse(ErrorCode code, std::string message, std::uint32_t peer_code = 0) {
    state = State::kDown;
    events.on_refused(dxl::Error{code, std::move(message), peer_code});
  }

  void on_packet(const mqtt::Packet& packet, std::string& out);
  void on_connack(const mqtt::Connack& connack, std::string& out);
  void on_suback(const mqtt::Suback& suback);
  void on_publish(const mqtt::Publish& publish, std::string& out);
  void on_ack(const mqtt::Ack& ack, std::string& out);
  void on_pingresp();
};

Session::Session(SessionOptions options, SessionEvents& events, base::Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), events, random)) {}
Session::~Session() = default;

void Session::start(std::string& out, base::SteadyTime now) {
  Impl& s = *impl_;
  s.state = State::kConnecting;
  s.now = s.last_received = s.last_sent = now;
  s.pongs_received = s.pings_sent;
  s.reply_subscribe_id = 0;
  const auto seconds = std::clamp<std::int64_t>(s.options.keep_alive.count(), 0, 65'535);
  mqtt::append_connect({.version = s.version,
                        .keep_alive = static_cast<std::uint16_t>(seconds),
                        .client_id = s.options.client_id},
                       out);
}

void Session::stop() {
  impl_->state = State::kDown;
  while (const auto token = impl_->requests.take_any()) {
    impl_->events.on_reply(*token, dxl::fail(ErrorCode::kNotConnected,
                                             "the connection was lost before the answer came"));
  }
}

mqtt::Version Session::version() const { return impl_->version; }
bool Session::ready() const { return impl_->state == State::kReady; }
std::string Session::reply_topic() const { return impl_->reply_topic; }

std::size_t Session::on_bytes(std::string_view bytes, std::string& out, base::SteadyTime now) {
  Impl& s = *impl_;
  s.now = s.last_received = now;
  std::string_view rest = bytes;
  while (s.state != State::kDown) {
    const auto frame = mqtt::next_frame(rest, s.options.max_packet_bytes);
    if (!frame) {
      s.refuse(frame.error().code, frame.error().message);
      break;
    }
    if (!frame->has_value()) return bytes.size() - rest.size();
    const auto packet = mqtt::decode_packet(**frame, s.version);
    if (!packet) {
      s.refuse(packet.error().code, packet.error().message);
      break;
    }
    s.on_packet(*packet, out);
    rest.remove_prefix((*frame)->total_bytes);
  }
  return bytes.size();  // refused: the rest is of no use
}

void Session::Impl::on_packet(const mqtt::Packet& packet, std::string& out) {
  const bool connack = std::holds_alternative<mqtt::Connack>(packet);
  if (connack != (state == State::kConnecting)) {
    return refuse(ErrorCode::kMalformed, connack ? "the broker sent a second CONNACK"
                                                 : "the broker sent something before its CONNACK");
  }
  std::visit(Overloaded{
                 [&](const mqtt::Connack& p) { on_connack(p, out); },
                 [&](const mqtt::Suback& p) { on_suback(p); },
                 [&](const mqtt::Publish& p) { on_publish(p, out); },
                 [&](const mqtt::Ack& p) { on_ack(p, out); },
                 [&](const mqtt::Pingresp&) { on_pingresp(); },
                 [&](const auto&) {
                   refuse(ErrorCode::kMalformed, "the broker sent a packet only clients may send");
                 },
             },
             packet);
}

void Session::Impl::on_connack(const mqtt::Connack& connack, std::string& out) {
  if (connack.code != mqtt::ConnectCode::kAccepted) {
    const bool not_authorised = connack.code == mqtt::ConnectCode::kNotAuthorised ||
                                connack.code == mqtt::ConnectCode::kBadCredentials;
    const auto code = static_cast<unsigned>(connack.code);
    if (connack.code == mqtt::ConnectCode::kBadVersion) {
      version = version == mqtt::Version::k311 ? mqtt::Version::k31 : mqtt::Version::k311;
    }
    return refuse(not_authorised ? ErrorCode::kNotAuthorised : ErrorCode::kConnect,
                  "the broker refused the connection with CONNACK " + std::to_string(code) + " (" +
                      std::string(reason_of(connack.code)) + ")",
                  code);
  }
  state = State::kSubscribing;
  for (const auto& entry : subscriptions) subscribe(entry.first, out);
  reply_subscribe_id = subscribe(reply_topic, out);
}

void Session::Impl::on_suback(const mqtt::Suback& suback) {
  // We send one filter per packet, so there is one code. What is no QoS grants nothing.
  const bool granted =
      suback.codes.size() == 1 && static_cast<std::uint8_t>(suback.codes[0]) <= kHighestQos;
  if (state != State::kSubscribing || suback.packet_id != reply_subscribe_id) {
    return events.on_suback(suback.packet_id, granted);
  }
  if (!granted) {
    return refuse(ErrorCode::kNotAuthorised,
                  "the broker refused the subscription to " + reply_topic);
  }
  state = State::kReady;
  events.on_ready();
}

void Session::Impl::on_publish(const mqtt::Publish& publish, std::string& out) {
  // We subscribe at QoS 0; a broker that sends more gets its handshake, so that it does not stall.
  if (publish.qos != 0) {
    mqtt::append_ack(publish.qos == 1 ? mqtt::PacketType::kPuback : mqtt::PacketType::kPubrec,
                     publish.packet_id, out);
  }
  // A filter as topic would reach callbacks that asked for something else.
  if (publish.topic.empty() || dxl::has_wildcard(publish.topic)) {
    return events.on_undecodable(publish.topic,
                                 {ErrorCode::kMalformed, "PUBLISH: no topic one may publish to"});
  }
  const dxl::MessageLimits limits{.message_bytes = options.max_packet_bytes};
  const auto message = dxl::decode_message(publish.payload, limits);
  if (!message) return events.on_undecodable(publish.topic, message.error());
  if (message->type == dxl::MessageType::kRequest || message->type == dxl::MessageType::kEvent) {
    return events.on_message(publish.topic, *message);
  }
  const auto token = requests.take(message->request_message_id);
  if (!token) return events.on_unexpected_answer();  // late, repeated or somebody else's
  dxl::Message owned = dxl::to_message(*message, publish.topic);
  if (auto* response = std::get_if<dxl::Response>(&owned)) {
    events.on_reply(*token, dxl::Reply(std::move(*response)));
  } else if (auto* error = std::get_if<dxl::ErrorResponse>(&owned)) {
    events.on_reply(*token, dxl::Reply(std::move(*error)));
  }
}

void Session::Impl::on_ack(const mqtt::Ack& ack, std::string& out) {
  if (ack.type == mqtt::PacketType::kUnsuback) return events.on_unsuback(ack.packet_id);
  if (ack.type == mqtt::PacketType::kPubrel) {
    mqtt::append_ack(mqtt::PacketType::kPubcomp, ack.packet_id, out);
  }
  // The others acknowledge publishes above QoS 0, which we never send: nothing waits for them.
}

void Session::Impl::on_pingresp() {
  if (pongs_received == pings_sent) return;  // nobody asked
  events.on_pong(++pongs_received);
}

void Session::send_request(RequestToken token, std::string_view topic, dxl::MessageView request,
                           base::SteadyTime deadline, std::string& out) {
  Impl& s = *impl_;
  if (!ready()) {
    return s.events.on_reply(token, dxl::fail(ErrorCode::kNotConnected, "not connected"));
  }
  if (!dxl::is_valid_topic(topic)) {
    return s.events.on_reply(
        token, dxl::fail(ErrorCode::kInvalidArgument,
                         "request: cannot send to topic \"" + std::string(topic) + "\""));
  }
  request.type = dxl::MessageType::kRequest;
  request.reply_to_topic = s.reply_topic;
  if (request.message_id.empty()) request.message_id = s.ids.next();
  if (!s.requests.add(request.message_id, token, deadline)) {
    return s.events.on_reply(
        token, dxl::fail(ErrorCode::kInvalidArgument, "request: message id " +
                                                          std::string(request.message_id) +
                                                          " is waiting for an answer already"));
  }
  s.publish(topic, request, out);
}

void Session::cancel_request(RequestToken token) { impl_->requests.cancel(token); }

bool Session::send(std::string_view topic, dxl::MessageView message, std::string& out) {
  if (!ready() || !dxl::is_valid_topic(topic)) return false;
  if (message.message_id.empty()) message.message_id = impl_->ids.next();
  impl_->publish(topic, message, out);
  return true;
}

std::uint16_t Session::add_subscription(std::string_view filter, std::string& out) {
  Impl& s = *impl_;
  if (filter == s.reply_topic) return 0;  // always subscribed
  const auto found = s.subscriptions.find(filter);
  if (found != s.subscriptions.end()) {
    ++found->second;
    return 0;
  }
  s.subscriptions.emplace(filter, 1);
  const bool after_connack = s.state == State::kSubscribing || s.state == State::kReady;
  return after_connack ? s.subscribe(filter, out) : std::uint16_t{0};
}

std::uint16_t Session::remove_subscription(std::string_view filter, std::string& out) {
  Impl& s = *impl_;
  const auto found = s.subscriptions.find(filter);
  if (found == s.subscriptions.end() || --found->second > 0) return 0;
  s.subscriptions.erase(found);
  if (s.state != State::kSubscribing && s.state != State::kReady) return 0;
  const std::uint16_t id = s.next_packet_id();
  mqtt::append_unsubscribe(id, filter, out);
  s.last_sent = s.now;
  return id;
}

std::uint64_t Session::ping(std::string& out) { return ready() ? impl_->ping(out) : 0; }

void Session::disconnect(std::string& out) {
  if (impl_->state != State::kDown) mqtt::append_disconnect(out);
}

base::SteadyTime Session::tick(base::SteadyTime now, std::string& out) {
  Impl& s = *impl_;
  s.now = now;
  while (const auto token = s.requests.take_expired(now)) {
    s.events.on_reply(*token, dxl::fail(ErrorCode::kTimedOut, "no answer before the deadline"));
  }
  const auto keep_alive = s.options.keep_alive;
  if (s.state == State::kDown || keep_alive.count() <= 0) return s.requests.next_deadline();

  const auto silence = std::chrono::milliseconds(keep_alive) * 3 / 2;
  const base::SteadyTime silent_at = s.last_received + silence;
  if (now >= silent_at) {
    s.refuse(ErrorCode::kTimedOut,
             "the broker sent nothing for " + std::to_string(silence.count()) + " ms");
    return s.requests.next_deadline();
  }
  base::SteadyTime next = std::min(silent_at, s.requests.next_deadline());
  if (s.state != State::kReady) return next;
  // Both directions count: the broker must hear us, and publishing alone is never answered.
  const bool waiting = s.pongs_received != s.pings_sent;
  const base::SteadyTime idle_at =
      (waiting ? s.last_sent : std::min(s.last_received, s.last_sent)) + keep_alive;
  if (now < idle_at) return std::min(next, idle_at);
  s.ping(out);
  return std::min(next, now + keep_alive);
}

}  // namespace tiara::session
