#include "dxl/client.hpp"

#include <cstdlib>
#include <utility>

#include "base/log.hpp"
#include "base/ports.hpp"
#include "dxl/topic.hpp"
#include "sdk/client_impl.hpp"
#include "sdk/reply_address.hpp"

namespace dxl {
namespace {

using tiara::base::SteadyTime;
using tiara::sdk::CallbackPool;
using tiara::sdk::EventEntry;
using tiara::sdk::RequestEntry;
using tiara::sdk::Service;
using tiara::sdk::ServiceCallbacks;
using tiara::sdk::ServiceHost;

constexpr std::chrono::milliseconds kSubscribeTimeout{10'000};
constexpr std::chrono::milliseconds kRegisterTimeout{30'000};
constexpr std::uint32_t kFirstFabricCode = 0x80000000;

std::string new_uuid() {
  thread_local tiara::base::SystemRandom random;
  return tiara::base::make_braced_uuid(random);
}

SteadyTime deadline_in(std::chrono::milliseconds timeout) {
  return std::chrono::steady_clock::now() + timeout;
}

// Says which request failed.
Result<Reply> with_topic(Result<Reply> reply, const std::string& topic) {
  if (!reply && !reply.error().message.starts_with(topic)) {
    reply.error().message = topic + ": " + reply.error().message;
  }
  return reply;
}

Result<void> check_filter(const std::string& filter) {
  if (is_valid_filter(filter)) return {};
  return fail(ErrorCode::kInvalidArgument,
              "not a topic or filter: \"" + filter + "\"; \"#\" stands for all topics");
}

// A handle's token: `release` runs when the last copy goes.
template <class F>
std::shared_ptr<void> make_token(F release) {
  return {static_cast<void*>(nullptr), [release = std::move(release)](void*) { release(); }};
}

}  // namespace

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() {
  // Here and not in ~Impl: callbacks that still run may use the client.
  if (!impl_->pool.on_pool_thread()) {
    impl_->shut_down();
    return;
  }
  tiara::base::log(tiara::base::LogLevel::kError, "client",
                   "a dxl::Client must not be destroyed inside one of its callbacks");
  std::abort();  // the thread would have to wait for itself
}

Result<std::unique_ptr<Client>> Client::create(ClientConfig config, ClientOptions options) {
  auto route = tiara::sdk::make_tcp_route(config);
  if (!route) return fail(route.error());
  return Impl::make(config.client_id.value_or(ClientId{new_uuid()}), options, std::move(*route));
}

Result<void> Client::connect() { return impl_->connect(); }
Result<void> Client::disconnect() { return impl_->disconnect(); }
bool Client::connected() const { return impl_->link.connected(); }
ClientId Client::id() const { return impl_->id; }

ClientStats Client::stats() const {
  return {.dropped_events = impl_->dropped_events,
          .overloaded_requests = impl_->overloaded_requests,
          .callback_exceptions = impl_->pool.exceptions()};
}

Result<Reply> Client::request(Request request, std::chrono::milliseconds timeout,
                              std::stop_token stop) {
  const std::string topic = request.topic;
  const SteadyTime deadline = deadline_in(timeout);
  auto waiter = std::make_shared<tiara::sdk::Waiter<Reply>>();
  impl_->cancel_on(std::move(stop),
                   impl_->begin_request(std::move(request), timeout, [waiter](Result<Reply> reply) {
                     waiter->set(std::move(reply));
                   }));
  return with_topic(waiter->get(deadline + kStuckGrace), topic);
}

RequestHandle Client::async_request(Request request, std::chrono::milliseconds timeout,
                                    ReplyCallback done) {
  CallbackPool& pool = impl_->pool;
  pool.expect();
  const auto state = impl_->begin_request(
      std::move(request), timeout, [&pool, done = std::move(done)](Result<Reply> reply) {
        pool.post([done, outcome = std::move(reply)]() mutable { done(std::move(outcome)); });
      });
  return RequestHandle([anchor = impl_->anchor, weak = std::weak_ptr(state)] {
    Impl::cancel_request(anchor, weak);
  });
}

std::future<Result<Reply>> Client::request_future(Request request,
                                                  std::chrono::milliseconds timeout,
                                                  std::stop_token stop) {
  const auto promise = std::make_shared<std::promise<Result<Reply>>>();
  impl_->cancel_on(std::move(stop), impl_->begin_request(std::move(request), timeout,
                                                         [promise](Result<Reply> reply) {
                                                           promise->set_value(std::move(reply));
                                                         }));
  return promise->get_future();
}

Result<MessageId> Client::publish(Event event) {
  const std::size_t size = event.payload.size();
  if (const auto able = impl_->check_send(event.topic, size); !able) return fail(able.error());
  if (event.header.message_id.empty()) event.header.message_id.value = new_uuid();
  MessageId id = event.header.message_id;
  impl_->hand_over(Message(std::move(event)), size);
  return id;
}

Result<void> Client::flush(std::chrono::milliseconds timeout) {
  return impl_->on_network(timeout,
                           [impl = impl_.get(), timeout](auto set) { impl->flush(timeout, set); });
}

Result<MessageId> Client::publish_confirmed(Event event, std::chrono::milliseconds timeout) {
  const std::size_t size = event.payload.size();
  if (const auto able = impl_->check_send(event.topic, size); !able) return fail(able.error());
  if (event.header.message_id.empty()) event.header.message_id.value = new_uuid();
  MessageId id = event.header.message_id;
  const auto sent = impl_->on_network(
      timeout, [impl = impl_.get(), timeout, message = Message(std::move(event))](auto set) {
        if (!impl->link.connected()) return set(fail(impl->closed_error()));
        impl->send(message);
        impl->link.ping(timeout, set);
      });
  if (!sent) return fail(sent.error());
  return id;
}

Result<Subscription> Client::add_event_callback(std::string topic, EventCallback callback) {
  if (const auto valid = check_filter(topic); !valid) return fail(valid.error());
  auto entry = std::make_shared<EventEntry>(std::move(callback));
  impl_->event_callbacks.add(topic, entry);  // first: no event may find it missing
  const auto subscribed = impl_->on_network(
      kSubscribeTimeout,
      [impl = impl_.get(), topic](auto set) { impl->link.subscribe(topic, set); });
  if (!subscribed && subscribed.error().code == ErrorCode::kNotAuthorised) {
    impl_->event_callbacks.remove(topic, entry);  // the link gave the subscription back already
    entry->revoke(!CallbackPool::on_any_pool_thread());
    return fail(subscribed.error());
  }
  Subscription handle(make_token([anchor = impl_->anchor, topic, entry] {
    {
      const std::lock_guard lock(anchor->mutex);
      if (anchor->impl != nullptr) anchor->impl->remove_event_callback(topic, entry);
    }
    entry->revoke(!CallbackPool::on_any_pool_thread());
  }));
  if (!subscribed) return fail(subscribed.error());
  return handle;
}

Result<ServiceRegistration> Client::register_service(
    ServiceInfo info, std::map<std::string, RequestCallback> topics) {
  if (info.ttl < std::chrono::minutes(1)) {
    return fail(ErrorCode::kInvalidArgument, "a service's ttl must be at least one minute");
  }
  ServiceCallbacks callbacks;
  std::vector<std::string> names;
  for (auto& [topic, callback] : topics) {
    if (const auto valid = check_filter(topic); !valid) return fail(valid.error());
    callbacks.emplace(topic, std::make_shared<RequestEntry>(std::move(callback)));
    names.push_back(topic);
  }
  if (!connected()) return fail(impl_->closed_error());
  const auto entries = std::make_shared<const ServiceCallbacks>(std::move(callbacks));
  const std::string id = new_uuid();
  // Also the clean-up of a failure: it runs at the end of this function then.
  auto token = make_token([anchor = impl_->anchor, id, entries] {
    {
      const std::lock_guard lock(anchor->mutex);
      if (Impl* impl = anchor->impl; impl != nullptr) {
        impl->hand_over(std::function<void()>([impl, id] { impl->withdraw(id); }));
      }
    }
    for (const auto& entry : *entries) entry.second->revoke(!CallbackPool::on_any_pool_thread());
  });
  const auto registered = impl_->on_network(
      kRegisterTimeout, [impl = impl_.get(), id, entries, info = std::move(info), names](auto set) {
        Service service;
        service.host = std::make_unique<ServiceHost>(impl->link, id, info, names);
        service.callbacks = entries;
        ServiceHost& host = *service.host;
        impl->services.emplace(id, std::move(service));
        host.start(set);
      });
  if (!registered) return fail(registered.error());
  return ServiceRegistration(ServiceId{id}, std::move(token));
}

Result<void> Client::send_response(const Request& to, std::string payload) {
  const std::size_t size = payload.size();
  if (const auto able = impl_->check_send(to.reply_to_topic, size); !able) return able;
  impl_->hand_over(Message(tiara::sdk::make_response(to, std::move(payload))), size);
  return {};
}

Result<void> Client::send_error(const Request& to, std::uint32_t code, std::string message) {
  if (code >= kFirstFabricCode) {
    return fail(ErrorCode::kInvalidArgument,
                "error codes from 2147483648 up belong to the fabric: " + std::to_string(code));
  }
  const std::size_t size = message.size();
  if (const auto able = impl_->check_send(to.reply_to_topic, size); !able) return able;
  impl_->hand_over(Message(tiara::sdk::make_error(to, code, std::move(message))), size);
  return {};
}

}  // namespace dxl
