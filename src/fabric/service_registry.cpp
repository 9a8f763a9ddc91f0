#include "fabric/service_registry.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>

#include "dxl/topic.hpp"
#include "fabric/text_map.hpp"

namespace tiara::fabric {
namespace {

// Ten years: longer lifetimes are the same to us, and the arithmetic below cannot overflow.
constexpr std::uint32_t kMaxTtlMinutes = 10U * 366U * 24U * 60U;

bool is_expired(const Service& service, base::SteadyTime now) {
  const std::chrono::minutes ttl{std::min(service.ttl_minutes, kMaxTtlMinutes)};
  return now - service.registered_at > ttl + kTtlGrace;
}

// The instances behind one registered topic, in order of registration, and whose turn it is.
struct Round {
  std::vector<Service*> instances;
  std::size_t turn = 0;
};

}  // namespace

struct ServiceRegistry::Impl {
  using ById = std::map<std::string, Service, std::less<>>;

  void join(Service& service) {
    for (const std::string& channel : service.request_channels) {
      Round& round = rounds[channel];
      round.instances.push_back(&service);
      round.turn = 0;
    }
    by_connection[service.connection].push_back(service.service_guid);
  }

  void leave(Service& service) {
    for (const std::string& channel : service.request_channels) {
      const auto at = rounds.find(channel);
      std::erase(at->second.instances, &service);
      at->second.turn = 0;
      if (at->second.instances.empty()) rounds.erase(at);
    }
    leave_connection(service);
  }

  void leave_connection(const Service& service) {
    const auto owner = by_connection.find(service.connection);
    std::erase(owner->second, service.service_guid);
    if (owner->second.empty()) by_connection.erase(owner);
  }

  Service take(ById::iterator at) {
    leave(at->second);
    Service service = std::move(at->second);
    services.erase(at);
    return service;
  }

  const Service* choose(std::string_view topic, base::SteadyTime now,
                        const std::function<bool(const Service&)>& eligible) {
    const auto at = rounds.find(topic);
    if (at == rounds.end()) return nullptr;
    Round& round = at->second;
    const std::size_t count = round.instances.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = (round.turn + i) % count;
      const Service& service = *round.instances[index];
      if (is_expired(service, now) || !eligible(service)) continue;
      round.turn = (index + 1) % count;
      return &service;
    }
    return nullptr;
  }

  ById services;
  TextMap<Round> rounds;
  absl::flat_hash_map<ConnectionId, std::vector<std::string>> by_connection;
  std::string buffer;
};

ServiceRegistry::ServiceRegistry() : impl_(std::make_unique<Impl>()) {}
ServiceRegistry::~ServiceRegistry() = default;

bool ServiceRegistry::put(Service service) {
  std::sort(service.request_channels.begin(), service.request_channels.end());
  service.request_channels.erase(
      std::unique(service.request_channels.begin(), service.request_channels.end()),
      service.request_channels.end());
  const auto at = impl_->services.find(service.service_guid);
  if (at == impl_->services.end()) {
    std::string id = service.service_guid;
    impl_->join(impl_->services.emplace(std::move(id), std::move(service)).first->second);
    return true;
  }
  Service& known = at->second;
  if (known.client_guid != service.client_guid) return false;
  if (known.request_channels == service.request_channels) {
    impl_->leave_connection(known);
    known = std::move(service);
    impl_->by_connection[known.connection].push_back(known.service_guid);
  } else {
    impl_->leave(known);
    known = std::move(service);
    impl_->join(known);
  }
  return true;
}

std::optional<Service> ServiceRegistry::remove(std::string_view service_guid,
                                               std::string_view client_guid) {
  const auto at = impl_->services.find(service_guid);
  if (at == impl_->services.end() || at->second.client_guid != client_guid) return std::nullopt;
  return impl_->take(at);
}

std::vector<Service> ServiceRegistry::remove_connection(ConnectionId connection) {
  std::vector<Service> removed;
  const auto owner = impl_->by_connection.find(connection);
  if (owner == impl_->by_connection.end()) return removed;
  const std::vector<std::string> ids = owner->second;  // a copy: taking edits the list
  for (const std::string& id : ids) removed.push_back(impl_->take(impl_->services.find(id)));
  return removed;
}

std::vector<Service> ServiceRegistry::remove_expired(base::SteadyTime now) {
  std::vector<Service> removed;
  for (auto at = impl_->services.begin(); at != impl_->services.end();) {
    const auto next = std::next(at);
    if (is_expired(at->second, now)) removed.push_back(impl_->take(at));
    at = next;
  }
  return removed;
}

const Service* ServiceRegistry::find(std::string_view service_guid) const {
  const auto at = impl_->services.find(service_guid);
  return at == impl_->services.end() ? nullptr : &at->second;
}

const Service* ServiceRegistry::next(std::string_view topic, base::SteadyTime now,
                                     const std::function<bool(const Service&)>& eligible) {
  const Service* found = impl_->choose(topic, now, eligible);
  if (found != nullptr || impl_->rounds.empty()) return found;
  dxl::walk_parents(topic, impl_->buffer, [&](std::string_view parent) {
    found = impl_->choose(parent, now, eligible);
    return found == nullptr;
  });
  return found;
}

void ServiceRegistry::for_each(const std::function<void(const Service&)>& f) const {
  for (const auto& entry : impl_->services) f(entry.second);
}

std::size_t ServiceRegistry::count(ConnectionId connection) const {
  const auto owner = impl_->by_connection.find(connection);
  return owner == impl_->by_connection.end() ? 0 : owner->second.size();
}

std::size_t ServiceRegistry::size() const { return impl_->services.size(); }

}  // namespace tiara::fabric
