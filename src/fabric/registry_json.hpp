// The JSON of the service registry's topics and events (DXL reference §5.5): compact, keys sorted,
// one `\n` at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/json.hpp"
#include "dxl/result.hpp"
#include "fabric/service_registry.hpp"

namespace tiara::fabric {

// A register request longer than this is refused: what one client can make us remember is bounded
// together with kMaxServicesPerConnection.
inline constexpr std::size_t kMaxRegistrationBytes = 64 * 1024;

// What the client decides about a service; everything else in the result is the caller's to fill.
// Missing keys get the defaults of §5.5.1. kMalformed names the key and what was expected.
dxl::Result<Service> parse_registration(dxl::JsonDocument& document, std::string_view payload);

// The service id of an unregister request; empty if missing.
dxl::Result<std::string> parse_unregistration(dxl::JsonDocument& document,
                                              std::string_view payload);

// Neither: all services. Both: the id decides.
struct ServiceQuery {
  std::optional<std::string> service_guid;
  std::optional<std::string> service_type;
  friend bool operator==(const ServiceQuery&, const ServiceQuery&) = default;
};
dxl::Result<ServiceQuery> parse_service_query(dxl::JsonDocument& document,
                                              std::string_view payload);
bool selects(const ServiceQuery& query, const Service& service);

std::string register_event_json(const Service& service, std::string_view broker_id);
std::string unregister_event_json(std::string_view service_guid);

// One service of a query response, and the topics its client may not receive on.
struct QueriedService {
  const Service* service = nullptr;
  std::vector<std::string> unauthorized_channels;
};
// `services` in order of service id.
std::string query_response_json(const std::vector<QueriedService>& services,
                                std::string_view broker_id);

}  // namespace tiara::fabric
