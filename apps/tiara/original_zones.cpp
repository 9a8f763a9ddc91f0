// brokerstate.policy: which hub a broker belongs to and whose zones it serves.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <set>
#include <utility>

#include "tiara/original_config.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;
using Json = nlohmann::json;

// A hub or a broker.
struct Node {
  std::string zone, parent;
};

struct Fabric {
  std::map<std::string, Node> nodes;          // by plain id
  std::map<std::string, std::string> hub_of;  // broker -> hub
  std::map<std::string, bool, std::less<>> brokers;
};

// Absent and null are empty; the original takes numbers for texts, too.
std::string text_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) return "";
  return at->is_string() ? at->get<std::string>() : at->dump();
}

dxl::Result<void> read_nodes(const Json& root, const char* list, std::string_view file,
                             Fabric& fabric) {
  const auto at = root.find(list);
  if (at == root.end() || at->is_null()) return {};
  const auto wrong = [&](std::string_view what) {
    return dxl::fail(ErrorCode::kConfiguration, fmt::format("{}: {}: {}", file, list, what));
  };
  if (!at->is_array()) return wrong("expected an array");
  for (const Json& entry : *at) {
    if (!entry.is_object()) return wrong("expected objects");
    const std::string id = plain_id(text_of(entry, "id"));
    if (id.empty()) return wrong("an entry without id");
    fabric.nodes[id] = {text_of(entry, "serviceZone"), plain_id(text_of(entry, "parentId"))};
    for (const char* member : {"primaryBroker", "secondaryBroker"})
      if (const std::string broker = plain_id(text_of(entry, member)); !broker.empty())
        fabric.hub_of[broker] = id;
    if (std::string_view(list) == "brokers") fabric.brokers[id] = true;
  }
  return {};
}

}  // namespace

std::string plain_id(std::string_view id) {
  if (id.size() >= 2 && id.front() == '{' && id.back() == '}') id = id.substr(1, id.size() - 2);
  std::string plain(id);
  for (char& c : plain)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return plain;
}

dxl::Result<std::optional<std::vector<std::string>>> service_zones_of(const std::string& broker_id,
                                                                      const std::string& policy,
                                                                      std::string_view file) {
  constexpr int kMaxDepth = 32;  // an operator's file, but a parser that recurses
  Json root;
  try {
    root = Json::parse(
        policy,
        [](int depth, Json::parse_event_t, Json&) {
          if (depth > kMaxDepth) throw std::length_error("nested too deeply");
          return true;
        },
        true, true);
  } catch (const std::exception& error) {
    return dxl::fail(ErrorCode::kConfiguration, fmt::format("{}: {}", file, error.what()));
  }
  if (!root.is_object())
    return dxl::fail(ErrorCode::kConfiguration, fmt::format("{}: expected an object", file));
  Fabric fabric;
  for (const char* list : {"hubs", "brokers"})
    if (auto read = read_nodes(root, list, file, fabric); !read) return dxl::fail(read.error());

  std::string at = plain_id(broker_id);
  if (!fabric.brokers.contains(at)) return std::optional<std::vector<std::string>>();
  // A member of a hub has the hub's zones and parent, not its own.
  if (const auto hub = fabric.hub_of.find(at); hub != fabric.hub_of.end()) at = hub->second;
  std::vector<std::string> zones;
  std::set<std::string> visited;  // a file may name a circle of parents
  for (auto node = fabric.nodes.find(at);
       node != fabric.nodes.end() && visited.insert(node->first).second;) {
    if (!node->second.zone.empty()) zones.push_back(node->second.zone);
    // A parent may be a broker that is a member of a hub: then the hub is meant.
    const auto hub = fabric.hub_of.find(node->second.parent);
    node = fabric.nodes.find(hub == fabric.hub_of.end() ? node->second.parent : hub->second);
  }
  return std::optional(std::move(zones));
}

}  // namespace tiara::app
