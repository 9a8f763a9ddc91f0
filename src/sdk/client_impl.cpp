#include "sdk/client_impl.hpp"

#include <bit>

#include "base/log.hpp"
#include "dxl/topic.hpp"
#include "sdk/reply_address.hpp"

namespace dxl {
namespace {

using tiara::base::LogLevel;
using tiara::sdk::Outgoing;
using tiara::sdk::OutgoingRequest;
using tiara::sdk::Service;

constexpr std::string_view kLogArea = "client";
constexpr std::size_t kMaxPayloadBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxBacklogBytes = 32 * 1024 * 1024;
constexpr std::size_t kBacklogToWatch = 1024 * 1024;
constexpr std::chrono::milliseconds kBacklogCheck{10};
constexpr std::chrono::milliseconds kDisconnectFlush{2'000};
constexpr std::chrono::milliseconds kStopServices{10'000};
constexpr std::string_view kUnavailableText = "unable to locate service for request";
constexpr std::string_view kOverloadedText = "service is overloaded";

tiara::sdk::LinkOptions link_options(const ClientId& id, const ClientOptions& options,
                                     const tiara::sdk::TcpRoute& route) {
  return {.client_id = id.value,
          .name = std::string(kLogArea),
          .keep_alive = options.keep_alive,
          .attempt_timeout = options.attempt_timeout,
          .backoff = {.first = options.reconnect_first,
                      .max = options.reconnect_max,
                      .reset_after = options.reconnect_reset_after},
          .reconnect = options.reconnect,
          .addresses = route.addresses,
          .begin_pass = route.begin_pass};
}

}  // namespace

std::unique_ptr<Client> Client::Impl::make(ClientId id, const ClientOptions& options,
                                           tiara::sdk::TcpRoute route) {
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Impl>(std::move(id), options, std::move(route))));
}

Client::Impl::Impl(ClientId client_id, const ClientOptions& client_options,
                   tiara::sdk::TcpRoute route)
    : id(std::move(client_id)),
      options(client_options),
      pool(options.callback_threads, options.incoming_queue),
      anchor(std::make_shared<Anchor>()),
      link(link_options(id, options, route), std::move(route.connector), *this) {
  anchor->impl = this;
}

void Client::Impl::shut_down() {
  closing = true;  // first: callbacks that run meanwhile must not wait for anything new
  (void)disconnect();
  {
    // From here on handles do nothing; one that is at it has finished.
    const std::lock_guard lock(anchor->mutex);
    anchor->impl = nullptr;
  }
  // What user threads handed over before ends now, with kCancelled.
  (void)on_network(std::chrono::milliseconds(0), [](const auto& set) { set({}); });
  pool.stop();
}

Result<void> Client::Impl::connect() {
  const std::lock_guard one(lifecycle);
  std::unique_lock lock(state_mutex);
  if (link.connected()) return {};
  // Reset on the network thread: it may be giving up on an older attempt at this very moment.
  begun = gave_up = false;
  link.post([this] {
    const std::lock_guard begin(state_mutex);
    begun = true;
    gave_up = false;
  });
  link.start();
  state_changed.wait_for(lock, options.connect_timeout,
                         [this] { return (begun && gave_up) || link.connected(); });
  if (link.connected()) return {};
  lock.unlock();
  Error why = link.last_error();
  if (!gave_up) {
    why.message = "not connected within " + std::to_string(options.connect_timeout.count()) +
                  " ms: " + why.message;
  }
  link.stop();
  return fail(std::move(why));
}

Result<void> Client::Impl::disconnect() {
  if (pool.on_pool_thread()) {
    return fail(ErrorCode::kInvalidArgument, "disconnect: refused inside a callback");
  }
  const std::lock_guard one(lifecycle);
  if (link.connected()) {
    (void)on_network(kStopServices, [this](const auto& set) { stop_services([set] { set({}); }); });
    (void)on_network(kDisconnectFlush, [this](const auto& set) { flush(kDisconnectFlush, set); });
  }
  link.stop();
  return {};
}

void Client::Impl::hand_over(Outgoing item, std::size_t bytes) {
  if (outbox.push(std::move(item), bytes)) link.post([this] { drain(); });
}

std::shared_ptr<tiara::sdk::RequestState> Client::Impl::begin_request(
    Request request, std::chrono::milliseconds timeout, ReplyCallback done) {
  auto state = std::make_shared<tiara::sdk::RequestState>();
  auto finish = [topic = request.topic, state, done = std::move(done)](Result<Reply> reply) {
    if (!reply && !reply.error().message.starts_with(topic)) {
      reply.error().message = topic + ": " + reply.error().message;
    }
    done(std::move(reply));
  };
  const std::size_t size = request.payload.size();
  if (const auto able = check_send(request.topic, size); !able) {
    finish(fail(able.error()));
    return state;
  }
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  hand_over(OutgoingRequest{std::move(request), deadline, std::move(finish), state}, size);
  return state;
}

// Behind the request itself: the outbox keeps order, so its token is there already.
void Client::Impl::cancel_request(const std::shared_ptr<Anchor>& anchor,
                                  const std::weak_ptr<tiara::sdk::RequestState>& state) {
  const std::lock_guard lock(anchor->mutex);
  if (Impl* impl = anchor->impl; impl != nullptr) {
    impl->hand_over(std::function<void()>([impl, state] {
      if (const auto alive = state.lock()) impl->link.cancel(alive->token);
    }));
  }
}

void Client::Impl::cancel_on(std::stop_token stop,
                             const std::shared_ptr<tiara::sdk::RequestState>& state) {
  if (!stop.stop_possible()) return;
  state->on_stop.emplace(std::move(stop),
                         [to = anchor, weak = std::weak_ptr(state)] { cancel_request(to, weak); });
}

Error Client::Impl::closed_error() const {
  if (closing) return {ErrorCode::kCancelled, "the client is being destroyed"};
  return {ErrorCode::kNotConnected, "not connected"};
}

Result<void> Client::Impl::check_send(std::string_view topic, std::size_t payload_bytes) {
  if (!is_valid_topic(topic)) {
    return fail(ErrorCode::kInvalidArgument, "cannot send to topic \"" + std::string(topic) +
                                                 "\": empty, too long or with wildcards");
  }
  if (payload_bytes > kMaxPayloadBytes) {
    return fail(ErrorCode::kLimitExceeded,
                std::string(topic) + ": payload of " + std::to_string(payload_bytes) +
                    " bytes exceeds the limit of " + std::to_string(kMaxPayloadBytes));
  }
  if (closing || !link.connected()) return fail(closed_error());
  if (outbox.bytes() + unsent + payload_bytes > kMaxBacklogBytes) {
    hand_over(std::function<void()>([] {}));  // so that `unsent` is measured again
    return fail(ErrorCode::kUnavailable, std::string(topic) + ": more than " +
                                             std::to_string(kMaxBacklogBytes) +
                                             " bytes wait to be sent to the broker");
  }
  return {};
}

void Client::Impl::remove_event_callback(const std::string& filter,
                                         const std::shared_ptr<tiara::sdk::EventEntry>& entry) {
  event_callbacks.remove(filter, entry);
  hand_over(std::function<void()>([this, filter] { link.unsubscribe(filter); }));
}

void Client::Impl::drain() {
  outbox.drain([this](Outgoing& item) {
    if (auto* task = std::get_if<std::function<void()>>(&item)) return (*task)();
    if (auto* request = std::get_if<OutgoingRequest>(&item)) return send_request(*request);
    send(std::get<Message>(item));
  });
  if (!backlog_timer) measure_backlog();
}

// Without hand-overs nobody would notice that the network has caught up.
void Client::Impl::measure_backlog() {
  unsent = link.unsent_bytes();
  backlog_timer.reset();
  if (unsent < kBacklogToWatch) return;
  backlog_timer = link.loop().schedule(kBacklogCheck, [this] { measure_backlog(); });
}

void Client::Impl::send(const Message& message) {
  const std::string& topic =
      std::visit([](const auto& m) -> const std::string& { return m.topic; }, message);
  if (std::holds_alternative<Event>(message)) {
    ++events_sent;
    if (!link.connected()) events_lost = true;
  }
  link.send(topic, to_view(message, scratch));
}

void Client::Impl::send_request(OutgoingRequest& outgoing) {
  if (closing) return outgoing.done(fail(closed_error()));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      outgoing.deadline - std::chrono::steady_clock::now());
  outgoing.state->token =
      link.request(std::get<Request>(outgoing.request).topic, to_view(outgoing.request, scratch),
                   left, std::move(outgoing.done));
}

void Client::Impl::flush(std::chrono::milliseconds timeout,
                         std::function<void(Result<void>)> done) {
  if (std::exchange(events_lost, false)) {
    events_confirmed = events_sent;
    return done(fail(ErrorCode::kNotConnected,
                     "the connection was lost before the broker acknowledged what was sent on it"));
  }
  link.ping(timeout, [this, behind = events_sent, done = std::move(done)](Result<void> pong) {
    events_confirmed = pong ? std::max(events_confirmed, behind) : events_sent;
    done(std::move(pong));
  });
}

void Client::Impl::withdraw(const std::string& service_id) {
  const auto found = services.find(service_id);
  if (found == services.end() || std::exchange(found->second.withdrawn, true)) return;
  found->second.host->stop([this, service_id] {
    // Later: the host must not go while it calls.
    link.post([this, service_id] { services.erase(service_id); });
  });
}

void Client::Impl::stop_services(std::function<void()> done) {
  // Ends with the last reference, that of the slowest service.
  const std::shared_ptr<void> all(nullptr, [done = std::move(done)](void*) { done(); });
  for (auto& entry : services) {
    Service& service = entry.second;
    if (service.withdrawn || std::exchange(service.stopped, true)) continue;
    service.host->stop([all] {});
  }
}

void Client::Impl::on_connected() {
  for (auto& entry : services) {
    Service& service = entry.second;
    if (service.withdrawn) continue;
    if (std::exchange(service.stopped, false)) {
      service.host->start([](const Result<void>&) {});
    } else {
      service.host->on_connected();
    }
  }
  const std::lock_guard lock(state_mutex);
  state_changed.notify_all();
}

void Client::Impl::on_disconnected(const Error&) {
  if (events_sent != events_confirmed) events_lost = true;
  events_confirmed = events_sent;
}

void Client::Impl::on_gave_up(const Error&) {
  const std::lock_guard lock(state_mutex);
  gave_up = true;
  state_changed.notify_all();
}

void Client::Impl::on_message(std::string_view topic, const MessageView& message) {
  if (message.type == MessageType::kEvent) {
    on_event(topic, message);
  } else {
    on_request(topic, message);
  }
}

void Client::Impl::on_event(std::string_view topic, const MessageView& message) {
  const std::size_t filters = event_callbacks.count_filters(topic);
  if (filters == 0 || (filters > 1 && recent_events.seen(message.message_id))) return;
  auto event = std::get<Event>(to_message(message, topic));
  const bool queued = pool.try_post([this, event = std::move(event)] {
    for (const auto& entry : event_callbacks.find(event.topic)) {
      entry->call(event, [this](auto&& callback) { pool.guard(callback); });
    }
  });
  if (queued || !std::has_single_bit(++dropped_events)) return;
  tiara::base::log(LogLevel::kWarning, kLogArea,
                   "dropped an event on {}: callbacks are too slow ({} so far)", topic,
                   dropped_events.load());
}

void Client::Impl::on_request(std::string_view topic, const MessageView& message) {
  const auto request =
      std::make_shared<const Request>(std::get<Request>(to_message(message, topic)));
  const auto refuse = [&](std::uint32_t code, std::string_view text) {
    send(tiara::sdk::make_error(*request, code, std::string(text)));
  };
  const auto offer = [&](const Service& service) {
    for (const auto& [filter, callback] : *service.callbacks) {
      if (!filter_matches(filter, topic)) continue;
      const bool queued = pool.try_post([this, request, to = callback] {
        to->call(*request, [this](auto&& run) { pool.guard(run); });
      });
      if (queued) continue;
      ++overloaded_requests;
      refuse(kServiceOverloaded, kOverloadedText);
    }
  };
  if (message.service_id.empty()) {
    for (const auto& entry : services) offer(entry.second);
    return;
  }
  const auto found = services.find(message.service_id);
  const bool known = found != services.end() && !found->second.withdrawn;
  known ? offer(found->second) : refuse(kServiceUnavailable, kUnavailableText);
}

}  // namespace dxl
