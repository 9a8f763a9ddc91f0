// Registered service instances, their topics, round robin and lifetime (DXL reference §5.4, §5.5).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports.hpp"
#include "fabric/identity.hpp"

namespace tiara::fabric {

inline constexpr std::chrono::minutes kTtlGrace{5};

struct Service {
  std::string service_guid;
  std::string service_type;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> request_channels;  // sorted, unique
  std::uint32_t ttl_minutes = 0;
  std::int64_t registration_time = 0;  // epoch seconds, for the JSON
  base::SteadyTime registered_at{};    // for the lifetime
  ConnectionId connection = 0;
  std::string client_guid;  // canonical id of the owner: only its certificate may change the entry
  std::string client_instance_guid;
  std::vector<std::string> certificates;  // SHA-1 of the owner's chain
  std::vector<std::string> broker_zones;  // of the broker that hosts it: its own and its ancestors'
};

// What the service owes to the connection it was registered on.
void set_owner(Service& service, const Identity& identity);

// What the service's own texts come to.
std::size_t service_bytes(const Service& service);

// A prefix that turns events into requests (DXL reference §5.4.5), and how many services gave it.
struct EventPrefix {
  std::string prefix;
  std::size_t services = 0;
};

class ServiceRegistry {
 public:
  // `zones` are this broker's: its own first, then those of its ancestors.
  explicit ServiceRegistry(std::vector<std::string> zones = {});
  ~ServiceRegistry();

  // Adds, refreshes or replaces. False if the id belongs to another certificate (defect 8.4.3 of
  // the original).
  bool put(Service service);
  // Nullopt if unknown or owned by another certificate.
  std::optional<Service> remove(std::string_view service_guid, std::string_view client_guid);
  // The connection has another certificate, and its services with it.
  void set_owner(ConnectionId connection, const Identity& identity);
  std::vector<Service> remove_connection(ConnectionId connection);
  std::vector<Service> remove_expired(base::SteadyTime now);
  bool has_expired(base::SteadyTime now) const;

  const Service* find(std::string_view service_guid) const;

  // Zone by zone: for each of this broker's zones the instances whose broker is in it, then all
  // others. Within a zone round robin over the instances registered for `topic`, else for its
  // parent wildcards, skipping expired ones and those `eligible` refuses. Adding or removing an
  // instance restarts the topic's rounds; refreshing does not. Null if none.
  const Service* next(std::string_view topic, base::SteadyTime now,
                      const std::function<bool(const Service&)>& eligible);

  // What services want events on `topic` to be prefixed with, or on its nearest parent wildcard
  // that any of them named; in order of registration. Null if nobody asks for it.
  const std::vector<EventPrefix>* find_event_prefixes(std::string_view topic);

  // In order of service id.
  void for_each(const std::function<void(const Service&)>& f) const;
  std::size_t count(ConnectionId connection) const;
  std::size_t bytes(ConnectionId connection) const;  // of its services, summed
  std::size_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::fabric
