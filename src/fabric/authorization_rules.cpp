#include "fabric/authorization_rules.hpp"

#include <algorithm>
#include <array>

#include "dxl/topic.hpp"

namespace tiara::fabric {
namespace {

constexpr Direction kSend = Direction::kSend, kReceive = Direction::kReceive;
constexpr std::string_view kExternalReport = "/mcafee/event/external/file/report";

constexpr std::array<BuiltInRule, 8> kBuiltInRules{{
    {kSend, "/mcafee/service/tie/file/reputation/set", kGroupSetEnterprise},
    {kSend, "/mcafee/service/tie/cert/reputation/set", kGroupSetEnterprise},
    {kSend, kExternalReport, kGroupSetExternal},
    {kSend, "/mcafee/event/dxl/revocation/list", kGroupAdministrators},
    {kSend, "/mcafee/event/tie/", kGroupTieServer, true},
    {kReceive, kExternalReport, kGroupTieServer, true},
    {kReceive, "/mcafee/service/tie/", kGroupTieServer, true},
    {kReceive, "/opendxl-tiara/service/tie/", kGroupTieServer, true},
}};

constexpr std::array<std::string_view, 3> kOpenUnderDeny{
    dxl::kClientTopicPrefix, dxl::kBrokerServicePrefix, "/opendxl-tiara/service/fabric/"};

}  // namespace

const std::vector<std::string_view>& known_groups() {
  static const std::vector<std::string_view> names{kGroupSetEnterprise, kGroupSetExternal,
                                                   kGroupReportSandbox, kGroupTieServer,
                                                   kGroupAdministrators};
  return names;
}

bool is_known_group(std::string_view name) {
  const auto& names = known_groups();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::span<const BuiltInRule> built_in_rules() { return kBuiltInRules; }

bool covers(std::string_view rule_topic, std::string_view topic) {
  return rule_topic.back() == '/' ? topic.starts_with(rule_topic) : topic == rule_topic;
}

std::span<const std::string_view> open_under_deny() { return kOpenUnderDeny; }

}  // namespace tiara::fabric
