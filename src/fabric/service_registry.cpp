#include "fabric/service_registry.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>

#include "base/text_map.hpp"
#include "dxl/topic.hpp"

namespace tiara::fabric {
namespace {

// Ten years: longer lifetimes are the same to us, and the arithmetic below cannot overflow.
constexpr std::uint32_t kMaxTtlMinutes = 10U * 366U * 24U * 60U;

bool is_expired(const Service& service, base::SteadyTime now) {
  const std::chrono::minutes ttl{std::min(service.ttl_minutes, kMaxTtlMinutes)};
  return now - service.registered_at > ttl + kTtlGrace;
}

// The instances of one zone, in order of registration, and whose turn it is.
struct Round {
  std::size_t zone = 0;
  std::vector<Service*> instances;
  std::size_t turn = 0;
};

// Behind one registered topic: nearest zone first, none empty.
using Rounds = std::vector<Round>;

void restart(Rounds& rounds) {
  for (Round& round : rounds) round.turn = 0;
}

constexpr std::string_view kEventPrefixKey = "eventToRequestPrefix";
constexpr std::string_view kEventTopicKey = "eventToRequestTopic";  // and whatever begins with it

// Calls `f(prefix, topic)` for each event topic that the service wants as requests.
template <class F>
void for_each_event(const Service& service, F&& f) {
  const auto prefix = service.metadata.find(std::string(kEventPrefixKey));
  if (prefix == service.metadata.end()) return;
  for (auto at = service.metadata.lower_bound(std::string(kEventTopicKey));
       at != service.metadata.end() && at->first.starts_with(kEventTopicKey); ++at)
    f(prefix->second, at->second);
}

}  // namespace

void set_owner(Service& service, const Identity& identity) {
  service.client_guid = identity.canonical_id;
  service.client_instance_guid = identity.instance_id;
  service.certificates.clear();
  for (const Thumbprints& certificate : identity.chain)
    service.certificates.push_back(certificate.sha1);
}

std::size_t service_bytes(const Service& service) {
  std::size_t bytes = service.service_guid.size() + service.service_type.size();
  for (const std::string& channel : service.request_channels) bytes += channel.size();
  for (const auto& [key, value] : service.metadata) bytes += key.size() + value.size();
  return bytes;
}

struct ServiceRegistry::Impl {
  using ById = std::map<std::string, Service, std::less<>>;

  explicit Impl(std::vector<std::string> own_zones) : zones(std::move(own_zones)) {}

  // The place of the first of our zones that the service's broker is in; behind all if in none.
  std::size_t zone_of(const Service& service) const {
    const auto at = std::find_if(zones.begin(), zones.end(), [&](const std::string& zone) {
      return std::find(service.broker_zones.begin(), service.broker_zones.end(), zone) !=
             service.broker_zones.end();
    });
    return static_cast<std::size_t>(at - zones.begin());
  }

  void join(Service& service) {
    const std::size_t zone = zone_of(service);
    for (const std::string& channel : service.request_channels) {
      Rounds& all = rounds[channel];
      restart(all);
      auto at =
          std::find_if(all.begin(), all.end(), [&](const Round& r) { return r.zone >= zone; });
      if (at == all.end() || at->zone != zone) at = all.insert(at, Round{zone, {}, 0});
      at->instances.push_back(&service);
    }
    by_connection[service.connection].push_back(service.service_guid);
  }

  void leave(Service& service) {
    for (const std::string& channel : service.request_channels) {
      const auto at = rounds.find(channel);
      for (Round& round : at->second) std::erase(round.instances, &service);
      std::erase_if(at->second, [](const Round& round) { return round.instances.empty(); });
      restart(at->second);
      if (at->second.empty()) rounds.erase(at);
    }
    leave_connection(service);
  }

  void join_events(const Service& service) {
    for_each_event(service, [this](std::string_view prefix, std::string_view topic) {
      std::vector<EventPrefix>& prefixes = events[topic];
      const auto at = find_prefix(prefixes, prefix);
      if (at == prefixes.end())
        prefixes.push_back({std::string(prefix), 1});
      else
        ++at->services;
    });
  }

  void leave_events(const Service& service) {
    for_each_event(service, [this](std::string_view prefix, std::string_view topic) {
      const auto at = events.find(topic);
      const auto own = find_prefix(at->second, prefix);
      if (--own->services == 0) at->second.erase(own);
      if (at->second.empty()) events.erase(at);
    });
  }

  static std::vector<EventPrefix>::iterator find_prefix(std::vector<EventPrefix>& prefixes,
                                                        std::string_view prefix) {
    return std::find_if(prefixes.begin(), prefixes.end(),
                        [&](const EventPrefix& entry) { return entry.prefix == prefix; });
  }

  void leave_connection(const Service& service) {
    const auto owner = by_connection.find(service.connection);
    std::erase(owner->second, service.service_guid);
    if (owner->second.empty()) by_connection.erase(owner);
  }

  Service take(ById::iterator at) {
    leave(at->second);
    leave_events(at->second);
    Service service = std::move(at->second);
    services.erase(at);
    return service;
  }

  const Service* choose(std::string_view topic, base::SteadyTime now,
                        const std::function<bool(const Service&)>& eligible) {
    const auto at = rounds.find(topic);
    if (at == rounds.end()) return nullptr;
    for (Round& round : at->second) {
      const std::size_t count = round.instances.size();
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t index = (round.turn + i) % count;
        const Service& service = *round.instances[index];
        if (is_expired(service, now) || !eligible(service)) continue;
        round.turn = (index + 1) % count;
        return &service;
      }
    }
    return nullptr;
  }

  const std::vector<std::string> zones;
  ById services;
  base::TextMap<Rounds> rounds;
  base::TextMap<std::vector<EventPrefix>> events;  // by event topic or wildcard
  absl::flat_hash_map<ConnectionId, std::vector<std::string>> by_connection;
  std::string buffer;
};

ServiceRegistry::ServiceRegistry(std::vector<std::string> zones)
    : impl_(std::make_unique<Impl>(std::move(zones))) {}
ServiceRegistry::~ServiceRegistry() = default;

bool ServiceRegistry::put(Service service) {
  const auto at = impl_->services.find(service.service_guid);
  if (at == impl_->services.end()) {
    std::string id = service.service_guid;
    Service& added = impl_->services.emplace(std::move(id), std::move(service)).first->second;
    impl_->join(added);
    impl_->join_events(added);
    return true;
  }
  Service& known = at->second;
  if (known.client_guid != service.client_guid) return false;
  impl_->leave_events(known);
  const bool keeps_place = known.request_channels == service.request_channels &&
                           known.broker_zones == service.broker_zones;
  if (keeps_place) {
    impl_->leave_connection(known);
    known = std::move(service);
    impl_->by_connection[known.connection].push_back(known.service_guid);
  } else {
    impl_->leave(known);
    known = std::move(service);
    impl_->join(known);
  }
  impl_->join_events(known);
  return true;
}

std::optional<Service> ServiceRegistry::remove(std::string_view service_guid,
                                               std::string_view client_guid) {
  const auto at = impl_->services.find(service_guid);
  if (at == impl_->services.end() || at->second.client_guid != client_guid) return std::nullopt;
  return impl_->take(at);
}

void ServiceRegistry::set_owner(ConnectionId connection, const Identity& identity) {
  const auto owner = impl_->by_connection.find(connection);
  if (owner == impl_->by_connection.end()) return;
  for (const std::string& id : owner->second)
    fabric::set_owner(impl_->services.find(id)->second, identity);
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

bool ServiceRegistry::has_expired(base::SteadyTime now) const {
  return std::any_of(impl_->services.begin(), impl_->services.end(),
                     [now](const auto& entry) { return is_expired(entry.second, now); });
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

const std::vector<EventPrefix>* ServiceRegistry::find_event_prefixes(std::string_view topic) {
  if (impl_->events.empty()) return nullptr;
  auto at = impl_->events.find(topic);
  if (at == impl_->events.end())
    dxl::walk_parents(topic, impl_->buffer, [&](std::string_view parent) {
      at = impl_->events.find(parent);
      return at == impl_->events.end();
    });
  return at == impl_->events.end() ? nullptr : &at->second;
}

void ServiceRegistry::for_each(const std::function<void(const Service&)>& f) const {
  for (const auto& entry : impl_->services) f(entry.second);
}

std::size_t ServiceRegistry::count(ConnectionId connection) const {
  const auto owner = impl_->by_connection.find(connection);
  return owner == impl_->by_connection.end() ? 0 : owner->second.size();
}

std::size_t ServiceRegistry::bytes(ConnectionId connection) const {
  const auto at = impl_->by_connection.find(connection);
  std::size_t sum = 0;
  if (at != impl_->by_connection.end())
    for (const std::string& guid : at->second) sum += service_bytes(*find(guid));
  return sum;
}

std::size_t ServiceRegistry::size() const { return impl_->services.size(); }

}  // namespace tiara::fabric
