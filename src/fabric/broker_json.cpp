#include "fabric/broker_json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "fabric/lenient_json.hpp"

namespace tiara::fabric {
namespace {

// How long others may believe a broker's state (`brokerTtlMins`).
constexpr int kBrokerTtlMinutes = 60;

std::string quoted(std::string_view text) {
  std::string out;
  dxl::append_json_string(text, out);
  return out;
}

// What JSON cannot write as a number is none.
std::string rate_text(double rate) { return to_text(std::isfinite(rate) ? rate : 0.0); }

}  // namespace

dxl::Result<std::optional<std::string>> parse_broker_query(dxl::JsonDocument& document,
                                                           std::string_view payload) {
  const auto object = parse_built_in_request(document, payload);
  if (!object) return dxl::fail(object.error());
  return optional_text_member(*object, "brokerGuid");
}

std::string broker_query_json(const RouterOptions& broker) {
  const std::string guid = quoted(broker.broker_id);
  return fmt::format(
      R"({{"brokers":{{{}:{{"bridgeChildren":[],"bridges":[],"connectionLimit":{},"guid":{},)"
      R"("hostname":{},"policyHostname":"","policyHub":"","policyIpAddress":"","policyPort":0,)"
      R"("port":{},"startTime":{},"topicRouting":true,"ttlMins":{},"version":{},)"
      R"("webSocketPort":{}}}}}}})"
      "\n",
      guid, broker.connection_limit, guid, quoted(broker.host_name), broker.port, broker.start_time,
      kBrokerTtlMinutes, quoted(broker.version_text), broker.web_socket_port);
}

std::string no_broker_json() { return "{\"brokers\":{}}\n"; }

dxl::Result<TopicQuery> parse_topic_query(dxl::JsonDocument& document, std::string_view payload) {
  const auto object = parse_built_in_request(document, payload);
  if (!object) return dxl::fail(object.error());
  TopicQuery query;
  auto guid = optional_text_member(*object, "brokerGuid");
  if (!guid) return dxl::fail(std::move(guid).error());
  query.broker_guid = *std::move(guid);
  const auto topics = object->find("topics");
  if (!topics) return query;
  bool good = topics->is_array();
  topics->for_each_element([&](const dxl::JsonValue& element) {
    const auto topic = element.string();
    good = topic.has_value();
    if (good) query.topics.emplace_back(*topic);
    return good;
  });
  if (!good) return dxl::fail(dxl::ErrorCode::kMalformed, "topics: expected a list of strings");
  return query;
}

std::string topic_query_json(std::size_t count, bool exists) {
  return fmt::format("{{\"count\":{},\"exists\":{}}}\n", count, exists);
}

dxl::Result<std::string> parse_subscriptions_query(dxl::JsonDocument& document,
                                                   std::string_view payload) {
  const auto object = parse_built_in_request(document, payload);
  if (!object) return dxl::fail(object.error());
  auto topic = text_member(*object, "topic");
  if (topic && topic->empty())
    return dxl::fail(dxl::ErrorCode::kMalformed, "topic: missing or empty");
  return topic;
}

std::string subscriptions_json(std::size_t count) {
  return fmt::format("{{\"count\":{}}}\n", count);
}

std::string health_json(const Health& health) {
  return fmt::format(
      "{{\"connectedClients\":{},\"incomingMessages\":{},\"localServiceCounter\":{},"
      "\"outgoingMessages\":{},\"startTime\":{}}}\n",
      health.connected_clients, rate_text(health.rates.incoming), health.local_services,
      rate_text(health.rates.outgoing), health.start_time);
}

dxl::Result<std::string> parse_client_query(dxl::JsonDocument& document, std::string_view payload) {
  const auto object = parse_built_in_request(document, payload);
  if (!object) return dxl::fail(object.error());
  return text_member(*object, "clientGuid");
}

std::string client_found_json() { return "{}\n"; }

std::string topic_event_json(std::string_view topic) {
  return fmt::format("{{\"topic\":{}}}\n", quoted(topic));
}

std::string client_event_json(std::string_view instance_id) {
  return fmt::format("{{\"clientGuid\":{}}}\n", quoted(instance_id));
}

}  // namespace tiara::fabric
