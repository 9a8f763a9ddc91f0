// What the broker itself says about topics, as tables: the built-in layer, which no policy widens,
// and what the profile "deny" leaves open.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dxl/groups.hpp"

namespace tiara::fabric {

enum class Direction : std::uint8_t { kSend, kReceive };

using dxl::kGroupAdministrators;
using dxl::kGroupReportSandbox;
using dxl::kGroupSetEnterprise;
using dxl::kGroupSetExternal;
using dxl::kGroupTieServer;

// The names above, in the order of extensions.md. A policy may declare more.
const std::vector<std::string_view>& known_groups();
bool is_known_group(std::string_view name);

// A topic that ends in '/' stands for everything below it (what the parent walk of `…/#` covers),
// any other for itself alone.
struct BuiltInRule {
  Direction direction;
  std::string_view topic;
  std::string_view group;     // who is in no such group may not; under "deny", its members may
  bool service_side = false;  // not demanded when the TIE service is elsewhere
};
std::span<const BuiltInRule> built_in_rules();
bool covers(std::string_view rule_topic, std::string_view topic);

// Topics, as above, that every client with a certificate may send to under the profile "deny": to
// register services, to ask the broker, to answer requests.
std::span<const std::string_view> open_under_deny();

}  // namespace tiara::fabric
