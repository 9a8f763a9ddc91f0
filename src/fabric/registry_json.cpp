#include "fabric/registry_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "fabric/lenient_json.hpp"

namespace tiara::fabric {
namespace {

dxl::Result<std::uint32_t> parse_ttl(const dxl::JsonValue& object) {
  const auto value = object.find("ttlMins");
  if (!value) return 0U;
  const auto minutes = value->number();
  if (!minutes || *minutes < 0 || *minutes > std::numeric_limits<std::uint32_t>::max())
    return dxl::fail(dxl::ErrorCode::kMalformed, "ttlMins: expected a number of minutes");
  return static_cast<std::uint32_t>(*minutes);  // a fraction is cut off
}

dxl::Result<std::vector<std::string>> parse_channels(const dxl::JsonValue& object) {
  std::vector<std::string> channels;
  const auto value = object.find("requestChannels");
  if (!value || value->kind() == dxl::JsonValue::Kind::kString) return channels;
  bool good = value->is_array();
  if (good)
    value->for_each_element([&](const dxl::JsonValue& element) {
      const auto channel = element.string();
      good = channel.has_value();
      if (good) channels.emplace_back(*channel);
      return good;
    });
  if (!good)
    return dxl::fail(dxl::ErrorCode::kMalformed, "requestChannels: expected a list of strings");
  std::sort(channels.begin(), channels.end());
  channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
  return channels;
}

dxl::Result<std::map<std::string, std::string>> parse_metadata(const dxl::JsonValue& object) {
  std::map<std::string, std::string> metadata;
  const auto value = object.find("metaData");
  if (!value) return metadata;
  bool good = true;
  const auto take = [&](std::string key, const dxl::JsonValue& entry) {
    auto text = to_text(entry);
    good = text.has_value();
    if (good) metadata.insert_or_assign(std::move(key), *std::move(text));
    return good;
  };
  if (value->is_object()) {
    value->for_each_member([&](std::string_view key, const dxl::JsonValue& entry) {
      return take(std::string(key), entry);
    });
  } else if (value->is_array()) {  // the original uses the positions as keys
    std::size_t index = 0;
    value->for_each_element(
        [&](const dxl::JsonValue& entry) { return take(std::to_string(index++), entry); });
  } else {
    good = false;
  }
  if (!good)
    return dxl::fail(dxl::ErrorCode::kMalformed, "metaData: expected an object of plain values");
  return metadata;
}

// An array of strings, in the given order.
template <class Iterator>
void append_strings(Iterator begin, Iterator end, std::string& out) {
  out += '[';
  for (Iterator at = begin; at != end; ++at) {
    if (at != begin) out += ',';
    dxl::append_json_string(*at, out);
  }
  out += ']';
}

void append_member(std::string_view key, std::string_view value, std::string& out) {
  out += '"';
  out += key;
  out += "\":";
  dxl::append_json_string(value, out);
  out += ',';
}

// The keys of the register event; a query adds two.
void append_service(const Service& service, std::string_view broker_id,
                    const std::vector<std::string>* unauthorized_channels, std::string& out) {
  out += '{';
  append_member("brokerGuid", broker_id, out);
  out += "\"certificates\":";
  append_strings(service.certificates.rbegin(), service.certificates.rend(), out);
  out += ',';
  append_member("clientGuid", service.client_guid, out);
  append_member("clientInstanceGuid", service.client_instance_guid, out);
  if (unauthorized_channels != nullptr) out += "\"local\":true,";
  out += "\"managed\":false,\"metaData\":{";
  bool first = true;
  for (const auto& [key, value] : service.metadata) {
    if (!std::exchange(first, false)) out += ',';
    dxl::append_json_string(key, out);
    out += ':';
    dxl::append_json_string(value, out);
  }
  fmt::format_to(std::back_inserter(out),
                 "}},\"registrationTime\":{},\"requestChannels\":", service.registration_time);
  append_strings(service.request_channels.begin(), service.request_channels.end(), out);
  out += ',';
  append_member("serviceGuid", service.service_guid, out);
  append_member("serviceType", service.service_type, out);
  fmt::format_to(std::back_inserter(out), "\"ttlMins\":{}", service.ttl_minutes);
  if (unauthorized_channels != nullptr) {
    out += ",\"unauthorizedChannels\":";
    append_strings(unauthorized_channels->begin(), unauthorized_channels->end(), out);
  }
  out += '}';
}

}  // namespace

dxl::Result<Service> parse_registration(dxl::JsonDocument& document, std::string_view payload) {
  if (payload.size() > kMaxRegistrationBytes)
    return dxl::fail(dxl::ErrorCode::kLimitExceeded,
                     fmt::format("a registration of {} bytes exceeds the limit of {}",
                                 payload.size(), kMaxRegistrationBytes));
  const auto object = parse_built_in_request(document, payload);
  if (!object) return dxl::fail(object.error());
  auto guid = text_member(*object, "serviceGuid");
  if (!guid) return dxl::fail(std::move(guid).error());
  auto type = text_member(*object, "serviceType");
  if (!type) return dxl::fail(std::move(type).error());
  auto channels = parse_channels(*object);
  if (!channels) return dxl::fail(std::move(channels).error());
  auto metadata = parse_metadata(*object);
  if (!metadata) return dxl::fail(std::move(metadata).error());
  const auto ttl = parse_ttl(*object);
  if (!ttl) return dxl::fail(ttl.error());

  Service service;
  service.service_guid = *std::move(guid);
  service.service_type = *std::move(type);
  service.request_channels = *std::move(channels);
  service.metadata = *std::move(metadata);
  service.ttl_minutes = *ttl;
  return service;
}

dxl::Result<std::string> parse_unregistration(dxl::JsonDocument& document,
                                              std::string_view payload) {
  const auto object = parse_built_in_request(document, payload);
  if (!object) return dxl::fail(object.error());
  return text_member(*object, "serviceGuid");
}

dxl::Result<ServiceQuery> parse_service_query(dxl::JsonDocument& document,
                                              std::string_view payload) {
  const auto object = parse_built_in_request(document, payload);
  if (!object) return dxl::fail(object.error());
  auto guid = optional_text_member(*object, "serviceGuid");
  if (!guid) return dxl::fail(std::move(guid).error());
  auto type = optional_text_member(*object, "serviceType");
  if (!type) return dxl::fail(std::move(type).error());
  return ServiceQuery{*std::move(guid), *std::move(type)};
}

bool selects(const ServiceQuery& query, const Service& service) {
  if (query.service_guid) return service.service_guid == *query.service_guid;
  return !query.service_type || service.service_type == *query.service_type;
}

std::string register_event_json(const Service& service, std::string_view broker_id) {
  std::string out;
  append_service(service, broker_id, nullptr, out);
  out += '\n';
  return out;
}

std::string unregister_event_json(std::string_view service_guid) {
  std::string out = "{\"serviceGuid\":";
  dxl::append_json_string(service_guid, out);
  out += "}\n";
  return out;
}

std::string query_response_json(const std::vector<QueriedService>& services,
                                std::string_view broker_id) {
  std::string out = "{\"services\":{";
  bool first = true;
  for (const QueriedService& entry : services) {
    if (!std::exchange(first, false)) out += ',';
    dxl::append_json_string(entry.service->service_guid, out);
    out += ':';
    append_service(*entry.service, broker_id, &entry.unauthorized_channels, out);
  }
  out += "}}\n";
  return out;
}

}  // namespace tiara::fabric
