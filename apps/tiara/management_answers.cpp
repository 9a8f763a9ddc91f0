#include "tiara/management_answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "dxl/json.hpp"

namespace tiara::app {
namespace {

using dxl::BrokerAddress;
using dxl::ErrorCode;

constexpr std::size_t kMostIdBytes = 128;
constexpr std::size_t kMostHostBytes = 253;
constexpr std::size_t kShownBytes = 80;
constexpr std::string_view kSpace = " \t\r\n";

tl::unexpected<dxl::Error> malformed(std::string why) {
  return dxl::fail(ErrorCode::kMalformed, "the server's answer: " + std::move(why));
}

std::string shown(std::string_view text) {
  return base::printable(text.substr(0, kShownBytes)) + (text.size() > kShownBytes ? "…" : "");
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at; (at = text.find(separator)) != std::string_view::npos;
       text.remove_prefix(at + 1))
    parts.push_back(text.substr(0, at));
  parts.push_back(text);
  return parts;
}

bool consists_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

std::optional<std::uint16_t> find_port(std::int64_t number) {
  if (number < 1 || number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

std::optional<std::uint16_t> find_port(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end ? find_port(number) : std::nullopt;
}

// The fields become part of a line of dxlclient.config: nothing in them may end it or begin
// another.
dxl::Result<void> check_fields(const BrokerAddress& broker, const std::string& where) {
  const std::string& id = broker.id.value;
  // Readers take a number for the port.
  const bool is_number = id.find_first_not_of("0123456789-") == std::string::npos;
  if (is_number || id.size() > kMostIdBytes || !consists_of(id, "{}-_."))
    return malformed(
        fmt::format("{}: expected an identifier of 1 to {} letters, digits and "
                    "{{}}-_., not a number, found {}",
                    where, kMostIdBytes, base::json_text(shown(id))));
  if (broker.host.empty()) return malformed(where + ": the host name is missing");
  for (const std::string* host : {&broker.host, &broker.ip})
    if (host->size() > kMostHostBytes || !consists_of(*host, "-_.:[]%"))
      return malformed(fmt::format("{}: {} is not a host name or an address", where,
                                   base::json_text(shown(*host))));
  return {};
}

// The original console sends its own address under several names; of one identifier, a
// configuration can hold one line.
dxl::Result<void> add(BrokerAddress broker, const std::string& where,
                      std::vector<BrokerAddress>& brokers, std::vector<std::string>& notes) {
  if (auto checked = check_fields(broker, where); !checked) return checked;
  const auto same = std::find_if(brokers.begin(), brokers.end(),
                                 [&](const BrokerAddress& other) { return other.id == broker.id; });
  if (same == brokers.end()) {
    if (brokers.size() == kMostBrokers)
      return dxl::fail(ErrorCode::kLimitExceeded,
                       fmt::format("the server's answer: more than {} brokers", kMostBrokers));
    brokers.push_back(std::move(broker));
  } else if (!(*same == broker)) {
    notes.push_back(fmt::format("{} has the identifier of another broker and is left out", where));
  }
  return {};
}

// "guid=guid;port;host[;ip]"
dxl::Result<BrokerAddress> parse_line(std::string_view line, const std::string& where) {
  const std::size_t equals = line.find('=');
  const auto fields = split(line.substr(equals == std::string_view::npos ? 0 : equals + 1), ';');
  if (equals == std::string_view::npos || fields.size() < 3)
    return malformed(fmt::format("{}: expected guid=guid;port;host;ip, found {}", where,
                                 base::json_text(shown(line))));
  const auto port = find_port(trimmed(fields[1]));
  if (!port)
    return malformed(fmt::format("{}: expected a port from 1 to 65535, found {}", where,
                                 base::json_text(shown(fields[1]))));
  BrokerAddress broker;
  broker.id.value = trimmed(fields[0]);
  broker.port = *port;
  broker.host = trimmed(fields[2]);
  if (fields.size() > 3) broker.ip = trimmed(fields[3]);
  if (trimmed(line.substr(0, equals)) != broker.id.value)
    return malformed(fmt::format("{}: the identifiers before and after '=' differ", where));
  return broker;
}

dxl::Result<std::vector<BrokerAddress>> parse_lines(std::string_view text, std::string_view list,
                                                    std::vector<std::string>& notes) {
  std::vector<BrokerAddress> brokers;
  std::size_t number = 0;
  for (const std::string_view each : split(text, '\n')) {
    ++number;
    const std::string_view line = trimmed(each);
    if (line.empty()) continue;
    const std::string where = fmt::format("{}, line {}", list, number);
    auto broker = parse_line(line, where);
    if (!broker) return dxl::fail(std::move(broker).error());
    if (auto added = add(*std::move(broker), where, brokers, notes); !added)
      return dxl::fail(std::move(added).error());
  }
  return brokers;
}

dxl::Result<BrokerAddress> parse_entry(const dxl::JsonValue& entry, const std::string& where) {
  const auto text = [&](std::string_view member) {
    const auto value = entry.find(member);
    return std::string(trimmed((value ? value->string() : std::nullopt).value_or("")));
  };
  const auto number = entry.find("port");
  const auto port = find_port((number ? number->integer_or_text() : std::nullopt).value_or(0));
  if (!port) return malformed(where + ".port: expected 1 to 65535");
  BrokerAddress broker;
  broker.id.value = text("guid");
  broker.port = *port;
  broker.host = text("hostName");
  broker.ip = text("ipAddress");
  return broker;
}

dxl::Result<std::vector<BrokerAddress>> parse_entries(const dxl::JsonValue& list,
                                                      std::string_view name,
                                                      std::vector<std::string>& notes) {
  std::vector<BrokerAddress> brokers;
  if (!list.is_array()) return malformed(fmt::format("{}: expected an array", name));
  dxl::Result<void> done;
  std::size_t number = 0;
  list.for_each_element([&](const dxl::JsonValue& entry) {
    const std::string where = fmt::format("{}[{}]", name, number++);
    auto broker = parse_entry(entry, where);
    done = broker ? add(*std::move(broker), where, brokers, notes)
                  : dxl::Result<void>(dxl::fail(std::move(broker).error()));
    return done.has_value();
  });
  if (!done) return dxl::fail(std::move(done).error());
  return brokers;
}

// A list without brokers would make a client that can never connect.
dxl::Result<BrokerLists> complete(BrokerLists lists) {
  const bool is_empty =
      lists.brokers.empty() && (!lists.websocket_brokers || lists.websocket_brokers->empty());
  if (is_empty) return malformed("it names no broker");
  return lists;
}

}  // namespace

dxl::Result<std::string> parse_result(std::string_view body) {
  const std::size_t colon = body.find(':');
  const std::string_view head = trimmed(body.substr(0, std::min(colon, body.size())));
  const bool has_result = colon != std::string_view::npos && head == "OK";
  if (!has_result && colon != std::string_view::npos && head.starts_with("ERROR"))
    return dxl::fail(ErrorCode::kPeer, fmt::format("the server refused: {}: {}", shown(head),
                                                   shown(trimmed(body.substr(colon + 1)))));
  if (!has_result && trimmed(body).starts_with('<'))
    return malformed(
        "a web page, perhaps for a login, where \"OK:\" was expected; is this the management "
        "port, and does it know this user?");
  if (!has_result)
    return malformed(
        fmt::format("expected \"OK:\", found {}", base::json_text(shown(trimmed(body)))));
  dxl::JsonLimits limits;
  limits.string_bytes = limits.payload_bytes;
  dxl::JsonDocument document(limits);
  const auto value = document.parse(trimmed(body.substr(colon + 1)));
  if (!value) return malformed(fmt::format("behind \"OK:\": {}", value.error().message));
  const auto text = value->string();
  if (!text) return malformed("behind \"OK:\" something else than a JSON string");
  return std::string(*text);
}

dxl::Result<ProvisioningPackage> parse_package(std::string_view text) {
  const auto parts = split(text, ',');
  if (parts.size() != 3 && parts.size() != 4)
    return malformed(fmt::format("expected 3 or 4 parts between commas, found {}", parts.size()));
  ProvisioningPackage package;
  package.ca_bundle_pem = parts[0];
  package.certificate_pem = parts[1];
  auto brokers = parse_lines(parts[2], "brokers", package.lists.notes);
  if (!brokers) return dxl::fail(std::move(brokers).error());
  package.lists.brokers = *std::move(brokers);
  if (parts.size() == 4) {
    auto websockets = parse_lines(parts[3], "WebSocket brokers", package.lists.notes);
    if (!websockets) return dxl::fail(std::move(websockets).error());
    package.lists.websocket_brokers = *std::move(websockets);
  }
  auto lists = complete(std::move(package.lists));
  if (!lists) return dxl::fail(std::move(lists).error());
  package.lists = *std::move(lists);
  return package;
}

dxl::Result<BrokerLists> parse_broker_list(std::string_view text) {
  dxl::JsonDocument document;
  const auto value = document.parse(text);
  if (!value) return malformed("the broker list: " + value.error().message);
  if (!value->is_object()) return malformed("the broker list: expected a JSON object");
  BrokerLists lists;
  const auto brokers = value->find("brokers");
  if (!brokers) return malformed("the broker list: brokers is missing");
  auto parsed = parse_entries(*brokers, "brokers", lists.notes);
  if (!parsed) return dxl::fail(std::move(parsed).error());
  lists.brokers = *std::move(parsed);
  // A list under one name is not undone by an empty one under the other.
  for (const char* name : {"webSocketBrokers", "brokersWebSockets"}) {
    const auto list = value->find(name);
    if (!list || (lists.websocket_brokers && !lists.websocket_brokers->empty())) continue;
    auto entries = parse_entries(*list, name, lists.notes);
    if (!entries) return dxl::fail(std::move(entries).error());
    lists.websocket_brokers = *std::move(entries);
  }
  return complete(std::move(lists));
}

}  // namespace tiara::app
