// The JSON of the topics and events about the broker itself, its clients and their subscriptions
// (DXL reference §5.6.4 to §5.6.8, §5.7.5, §5.7.6): compact, keys sorted, one `\n` at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/json.hpp"
#include "dxl/result.hpp"
#include "fabric/router.hpp"

namespace tiara::fabric {

// Which broker a request asks about; nullopt: no particular one.
dxl::Result<std::optional<std::string>> parse_broker_query(dxl::JsonDocument& document,
                                                           std::string_view payload);
// This broker as the only one of its fabric, or none at all.
std::string broker_query_json(const RouterOptions& broker);
std::string no_broker_json();

struct TopicQuery {
  std::optional<std::string> broker_guid;
  std::vector<std::string> topics;
  friend bool operator==(const TopicQuery&, const TopicQuery&) = default;
};
dxl::Result<TopicQuery> parse_topic_query(dxl::JsonDocument& document, std::string_view payload);
std::string topic_query_json(std::size_t count, bool exists);

// kMalformed if missing or empty: then the broker stays silent.
dxl::Result<std::string> parse_subscriptions_query(dxl::JsonDocument& document,
                                                   std::string_view payload);
std::string subscriptions_json(std::size_t count);

struct Health {
  std::size_t connected_clients = 0, local_services = 0;
  MessageRates rates;
  std::int64_t start_time = 0;
};
std::string health_json(const Health& health);

// Empty if missing.
dxl::Result<std::string> parse_client_query(dxl::JsonDocument& document, std::string_view payload);
std::string client_found_json();

std::string topic_event_json(std::string_view topic);
std::string client_event_json(std::string_view instance_id);

}  // namespace tiara::fabric
