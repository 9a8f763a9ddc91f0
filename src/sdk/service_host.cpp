#include "sdk/service_host.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "base/ports.hpp"
#include "dxl/json.hpp"

namespace tiara::sdk {
namespace {

constexpr std::string_view kRegisterTopic = "/mcafee/service/dxl/svcregistry/register";
constexpr std::string_view kUnregisterTopic = "/mcafee/service/dxl/svcregistry/unregister";

std::string register_payload(const std::string& id, const dxl::ServiceInfo& info,
                             const std::vector<std::string>& topics) {
  std::string json = "{\"serviceType\":";
  dxl::append_json_string(info.service_type, json);
  json += ",\"metaData\":{";
  for (const auto& [key, value] : info.metadata) {
    if (json.back() != '{') json += ',';
    dxl::append_json_string(key, json);
    json += ':';
    dxl::append_json_string(value, json);
  }
  json += "},\"requestChannels\":[";
  for (const std::string& topic : topics) {
    if (json.back() != '[') json += ',';
    dxl::append_json_string(topic, json);
  }
  json += "],\"ttlMins\":" + std::to_string(info.ttl.count()) + ",\"serviceGuid\":";
  dxl::append_json_string(id, json);
  json += '}';
  return json;
}

std::string unregister_payload(const std::string& id) {
  std::string json = "{\"serviceGuid\":";
  dxl::append_json_string(id, json);
  json += '}';
  return json;
}

dxl::Result<void> outcome_of(const dxl::Result<dxl::Reply>& reply) {
  if (!reply) return dxl::fail(reply.error());
  const auto* refusal = std::get_if<dxl::ErrorResponse>(&*reply);
  if (refusal == nullptr) return {};
  return dxl::fail(dxl::ErrorCode::kPeer, refusal->error_message, refusal->error_code);
}

dxl::MessageView request_with(std::string_view payload) {
  dxl::MessageView view;
  view.type = dxl::MessageType::kRequest;
  view.payload = payload;
  return view;
}

}  // namespace

// Held weakly by everything that outlives the host: answers and timers.
struct ServiceHost::Impl : std::enable_shared_from_this<ServiceHost::Impl> {
  Link& link;
  std::string id;
  dxl::ServiceInfo info;
  std::vector<std::string> topics;
  ServiceTimes times;
  base::SystemRandom random;
  session::Backoff backoff;
  std::function<void(dxl::Result<void>)> on_started;  // null once called
  std::unique_ptr<net::Loop::Timer> timer;            // the next registration
  std::uint64_t attempt = 0;                          // answers to older ones are ignored
  std::size_t subacks_missing = 0;
  std::vector<std::string> subscribed;  // uses to give back
  bool active = false;                  // between start and stop
  bool registered = false;              // the broker may know us

  Impl(Link& l, std::string service_id, dxl::ServiceInfo i, std::vector<std::string> names,
       const ServiceTimes& t)
      : link(l),
        id(std::move(service_id)),
        info(std::move(i)),
        topics(std::move(names)),
        times(t),
        backoff(t.retry) {}

  void subscribe();
  void register_now();
  void on_answer(const dxl::Result<void>& outcome);
  void register_after(std::chrono::milliseconds delay);
  void tell_started(dxl::Result<void> outcome) {
    if (on_started) std::exchange(on_started, nullptr)(std::move(outcome));
  }
};

// A request that arrives between registering and subscribing would unregister us again (§4.6), so
// every SUBACK comes first.
void ServiceHost::Impl::subscribe() {
  subacks_missing = topics.size();
  subscribed = topics;
  if (topics.empty()) return register_now();
  for (const std::string& topic : topics) {
    link.subscribe(topic, [weak = weak_from_this(), topic](const dxl::Result<void>& suback) {
      const auto self = weak.lock();
      if (!self || !self->active) return;
      if (!suback) {
        std::erase(self->subscribed, topic);
        return self->tell_started(dxl::fail(suback.error()));
      }
      if (--self->subacks_missing == 0) self->register_now();
    });
  }
}

void ServiceHost::Impl::register_now() {
  if (!link.connected()) return;  // on_connected comes
  const std::string payload = register_payload(id, info, topics);
  registered = true;
  dxl::MessageView request = request_with(payload);
  request.destination_tenant_guids = std::span<const std::string>(info.destination_tenant_guids);
  link.request(kRegisterTopic, request, times.register_timeout,
               [weak = weak_from_this(), number = ++attempt](const dxl::Result<dxl::Reply>& reply) {
                 const auto self = weak.lock();
                 if (self && self->active && number == self->attempt) {
                   self->on_answer(outcome_of(reply));
                 }
               });
}

void ServiceHost::Impl::on_answer(const dxl::Result<void>& outcome) {
  if (outcome) {
    backoff = session::Backoff(times.retry);
    const std::chrono::milliseconds ttl = info.ttl;
    register_after(std::max(ttl * 3 / 4, times.shortest_refresh));
    return tell_started({});
  }
  if (outcome.error().code == dxl::ErrorCode::kNotConnected) return;  // on_connected comes
  const auto delay = backoff.next(random);
  base::log(base::LogLevel::kWarning, "service", "could not register {}: {}; again in {} ms",
            info.service_type, outcome.error().message, delay.count());
  register_after(delay);
  tell_started(outcome);
}

void ServiceHost::Impl::register_after(std::chrono::milliseconds delay) {
  timer = link.loop().schedule(delay, [this] { register_now(); });
}

ServiceHost::ServiceHost(Link& link, std::string service_id, dxl::ServiceInfo info,
                         std::vector<std::string> topics, const ServiceTimes& times)
    : impl_(std::make_shared<Impl>(link, std::move(service_id), std::move(info), std::move(topics),
                                   times)) {}
ServiceHost::~ServiceHost() = default;

const std::string& ServiceHost::service_id() const { return impl_->id; }

void ServiceHost::start(std::function<void(dxl::Result<void>)> done) {
  impl_->active = true;
  impl_->on_started = std::move(done);
  impl_->subscribe();
}

void ServiceHost::on_connected() {
  Impl& host = *impl_;
  // Subscribed again by the link; SUBACKs that are still missing register on their own.
  if (!host.active || host.subacks_missing > 0) return;
  host.timer.reset();
  host.register_now();
}

void ServiceHost::stop(std::function<void()> done) {
  Impl& host = *impl_;
  if (!std::exchange(host.active, false)) return done();
  host.timer.reset();
  host.tell_started(dxl::fail(dxl::ErrorCode::kCancelled, "the service was withdrawn"));
  // Shared, so that the topics outlive the host until the broker has answered.
  auto unsubscribe = [self = impl_, done = std::move(done)](const dxl::Result<dxl::Reply>&) {
    for (const std::string& topic : std::exchange(self->subscribed, {})) {
      self->link.unsubscribe(topic);
    }
    done();
  };
  if (!std::exchange(host.registered, false) || !host.link.connected()) {
    return unsubscribe(dxl::fail(dxl::ErrorCode::kNotConnected, "not connected"));
  }
  const std::string payload = unregister_payload(host.id);
  host.link.request(kUnregisterTopic, request_with(payload), host.times.unregister_timeout,
                    std::move(unsubscribe));
}

}  // namespace tiara::sdk
