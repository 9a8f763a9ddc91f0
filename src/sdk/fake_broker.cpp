#include "sdk/fake_broker.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include "net/endpoints.hpp"

namespace tiara::sdk {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string to_publish(const dxl::Message& message) {
  std::vector<std::string_view> scratch;
  std::string payload;
  dxl::append_message(dxl::to_view(message, scratch), payload);
  std::string bytes;
  const std::string& topic =
      std::visit([](const auto& m) -> const std::string& { return m.topic; }, message);
  mqtt::append_publish(topic, payload, bytes);
  return bytes;
}

FakeBroker::Answer always(const std::string& payload) {
  return [payload](const dxl::MessageView& request) {
    dxl::Response response;
    response.payload = payload;
    response.request_message_id.value = request.message_id;
    return dxl::Message(response);
  };
}

}  // namespace

FakeBroker::FakeBroker() {
  answers_["/mcafee/service/dxl/svcregistry/register"] = always("");
  answers_["/mcafee/service/dxl/svcregistry/unregister"] = always("");
  thread_ = std::thread([this] { loop_.run(); });
}

FakeBroker::~FakeBroker() {
  loop_.stop();
  thread_.join();
  listener_.reset();
  connections_.clear();
}

Connector FakeBroker::connector() {
  return [this](net::Loop& loop, std::chrono::milliseconds, auto done) -> std::string {
    if (!behaviour().reachable) {
      record("UNREACHABLE");
      done(dxl::fail(dxl::ErrorCode::kConnect, "cannot connect to fake:1: refused"));
      return "fake:1";
    }
    auto pair = net::make_in_process_pair(loop, {}, loop_, {});
    const auto ours = std::make_shared<std::unique_ptr<net::Stream>>(std::move(pair.second));
    loop_.post([this, ours] {
      connections_.push_back(net::Connection::start(loop_, std::move(*ours), *this, {}));
    });
    done(std::move(pair.first));
    return "fake:1";
  };
}

void FakeBroker::listen(const net::TlsContext::Files& files, bool web_socket) {
  net::ListenerOptions options;
  options.address = "127.0.0.1";
  options.web_socket = web_socket;
  if (auto tls = net::TlsContext::make_server(files)) options.tls = *std::move(tls);
  std::promise<void> listening;
  loop_.post([&] {
    auto listener = net::Listener::open(
        loop_, options, [this]() -> net::Loop& { return loop_; },
        [this](net::Loop& loop, std::unique_ptr<net::Stream> stream) {
          connections_.push_back(net::Connection::start(loop, std::move(stream), *this, {}));
        },
        [this](const std::string&, const dxl::Error& why) { record("REFUSED " + why.message); });
    if (listener) listener_ = *std::move(listener);
    listening.set_value();
  });
  listening.get_future().get();
}

void FakeBroker::set(const Behaviour& behaviour) {
  const std::lock_guard lock(mutex_);
  behaviour_ = behaviour;
}

FakeBroker::Behaviour FakeBroker::behaviour() const {
  const std::lock_guard lock(mutex_);
  return behaviour_;
}

void FakeBroker::answer(const std::string& topic, Answer answer) {
  const std::lock_guard lock(mutex_);
  answers_[topic] = std::move(answer);
}

void FakeBroker::answer(const std::string& topic, const std::string& payload) {
  answer(topic, always(payload));
}

void FakeBroker::refuse(const std::string& topic, std::uint32_t code, const std::string& text) {
  answer(topic, [code, text](const dxl::MessageView& request) {
    dxl::ErrorResponse error;
    error.error_code = code;
    error.error_message = text;
    error.request_message_id.value = request.message_id;
    return dxl::Message(error);
  });
}

void FakeBroker::each_connection(std::function<void(net::Connection&)> act) {
  loop_.post([this, act = std::move(act)] {
    for (const auto& connection : connections_) act(*connection);
  });
}

void FakeBroker::deliver(const dxl::Message& message) { deliver_bytes(to_publish(message)); }

void FakeBroker::deliver_bytes(std::string bytes) {
  each_connection([bytes = std::move(bytes)](net::Connection& connection) {
    connection.output() += bytes;
    connection.flush_later();
  });
}

void FakeBroker::drop() {
  each_connection([](net::Connection& connection) {
    connection.close({dxl::ErrorCode::kCancelled, "dropped by the test"});
  });
}

std::vector<std::string> FakeBroker::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

void FakeBroker::clear_log() {
  const std::lock_guard lock(mutex_);
  log_.clear();
}

bool FakeBroker::wait_for(const std::string& line, std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] {
    return static_cast<std::size_t>(std::count(log_.begin(), log_.end(), line)) >= count;
  });
}

std::optional<dxl::Message> FakeBroker::last(const std::string& topic) const {
  const std::lock_guard lock(mutex_);
  const auto found = last_.find(topic);
  if (found == last_.end()) return std::nullopt;
  return found->second;
}

void FakeBroker::record(std::string line) {
  const std::lock_guard lock(mutex_);
  log_.push_back(std::move(line));
  changed_.notify_all();
}

std::size_t FakeBroker::on_bytes(net::Connection& connection, std::string_view bytes) {
  std::string_view rest = bytes;
  while (true) {
    const auto frame = mqtt::next_frame(rest, mqtt::kMaxRemainingLength);
    if (!frame || !frame->has_value()) break;
    const auto packet = mqtt::decode_packet(**frame, mqtt::Version::k311);
    if (!packet) break;
    on_packet(connection, *packet);
    rest.remove_prefix((*frame)->total_bytes);
  }
  connection.flush_later();
  return bytes.size() - rest.size();
}

void FakeBroker::on_closed(net::Connection& connection, const dxl::Error&) {
  std::erase_if(connections_, [&](const auto& held) { return held.get() == &connection; });
  record("CLOSED");
}

void FakeBroker::on_packet(net::Connection& connection, const mqtt::Packet& packet) {
  const Behaviour now = behaviour();
  std::string& out = connection.output();
  std::visit(Overloaded{
                 [&](const mqtt::Connect&) {
                   record("CONNECT");
                   out += now.greeting;
                   if (now.close_on_connect) {
                     connection.close({dxl::ErrorCode::kCancelled, "told to"});
                   } else if (now.connack) {
                     mqtt::append_connack(*now.connack, out);
                   }
                 },
                 [&](const mqtt::Subscribe& subscribe) {
                   subscribe.filters.for_each([&](std::string_view filter, std::uint8_t) {
                     record("SUBSCRIBE " + std::string(filter));
                     if (!now.suback) return;
                     const char code = filter == now.refused_filter ? '\x80' : *now.suback;
                     mqtt::append_suback(subscribe.packet_id, std::string_view(&code, 1), out);
                   });
                 },
                 [&](const mqtt::Unsubscribe& unsubscribe) {
                   unsubscribe.filters.for_each([&](std::string_view filter, std::uint8_t) {
                     record("UNSUBSCRIBE " + std::string(filter));
                   });
                   mqtt::append_ack(mqtt::PacketType::kUnsuback, unsubscribe.packet_id, out);
                 },
                 [&](const mqtt::Publish& publish) { on_publish(connection, publish); },
                 [&](const mqtt::Pingreq&) {
                   record("PINGREQ");
                   if (now.pong) mqtt::append_pingresp(out);
                 },
                 [&](const mqtt::Disconnect&) { record("DISCONNECT"); },
                 [&](const auto&) { record("UNEXPECTED"); },
             },
             packet);
}

void FakeBroker::on_publish(net::Connection& connection, const mqtt::Publish& publish) {
  const auto message = dxl::decode_message(publish.payload);
  if (!message) return record("UNDECODABLE");
  const std::string topic(publish.topic);
  Answer answer;
  {
    const std::lock_guard lock(mutex_);
    last_.insert_or_assign(topic, dxl::to_message(*message, topic));
    if (const auto found = answers_.find(topic); found != answers_.end()) answer = found->second;
  }
  if (message->type == dxl::MessageType::kRequest && answer) {
    if (auto reply = answer(*message)) {
      std::visit([&](auto& m) { m.topic = message->reply_to_topic; }, *reply);
      connection.output() += to_publish(*reply);
    }
  }
  record("PUBLISH " + topic + " " +
         std::string(message->type == dxl::MessageType::kErrorResponse ? message->error_message
                                                                       : message->payload));
}

}  // namespace tiara::sdk
