#include "service/access.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "dxl/groups.hpp"

namespace tiara::service {
namespace {

constexpr std::string_view kCertsField = "dxl.certs";

template <class F>
bool any_certificate(std::string_view chain, F&& f) {
  while (!chain.empty()) {
    const std::size_t end = std::min(chain.find(';'), chain.size());
    if (end > 0 && f(chain.substr(0, end))) return true;
    chain.remove_prefix(std::min(end + 1, chain.size()));
  }
  return false;
}

}  // namespace

const NeededGroups& groups_for(Action action) {
  static const NeededGroups everybody{};
  static const NeededGroups enterprise{{dxl::kGroupSetEnterprise, dxl::kGroupAdministrators}};
  static const NeededGroups external{{dxl::kGroupSetExternal, dxl::kGroupAdministrators}};
  static const NeededGroups sandbox{{dxl::kGroupReportSandbox, dxl::kGroupAdministrators}};
  static const NeededGroups history{
      {dxl::kGroupSetEnterprise, dxl::kGroupSetExternal, dxl::kGroupAdministrators}};
  static const NeededGroups administrators{{dxl::kGroupAdministrators}};
  switch (action) {
    case Action::kRead:
    case Action::kTell:
      return everybody;
    case Action::kSetEnterprise:
      return enterprise;
    case Action::kReportExternal:
      return external;
    case Action::kReportSandbox:
      return sandbox;
    case Action::kReadHistory:
      return history;
    case Action::kReadOutcomesOfOthers:
      return administrators;
  }
  return administrators;
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::kRead:
      return "read reputations";
    case Action::kTell:
      return "send metadata";
    case Action::kSetEnterprise:
      return "set Enterprise reputations";
    case Action::kReportExternal:
      return "report External reputations";
    case Action::kReportSandbox:
      return "report sandbox verdicts";
    case Action::kReadHistory:
      return "read the history";
    case Action::kReadOutcomesOfOthers:
      return "read the outcome of others' reports";
  }
  return "do this";
}

bool Access::is_member(const Sender& sender, std::string_view group) const {
  if (!options_.is_member) return false;
  const auto member = [&](std::string_view certificate) {
    return options_.is_member(certificate, group);
  };
  if (!sender.certificate.empty() && member(sender.certificate)) return true;
  return options_.trust_broker_certs && any_certificate(sender.chain, member);
}

std::optional<std::string> Access::refuse(Action action, const Sender& sender,
                                          bool accept_unidentified) const {
  const NeededGroups& needed = groups_for(action);
  if (needed.any_of.empty()) return std::nullopt;
  if (sender.certificate.empty()) {
    if (accept_unidentified && action != Action::kReadHistory &&
        action != Action::kReadOutcomesOfOthers)
      return std::nullopt;
    return "the request carries no sender identity";
  }
  for (const std::string_view group : needed.any_of)
    if (is_member(sender, group)) return std::nullopt;
  return fmt::format("certificate {} may not {}: not in group \"{}\"{}{}", sender.certificate,
                     to_string(action), needed.any_of.front(),
                     options_.members.empty() ? "" : " of ", options_.members);
}

store::Actor Access::describe(const Sender& sender) const {
  store::Actor actor;
  if (options_.describe && !sender.certificate.empty())
    actor = options_.describe(sender.certificate);
  if (actor.certificate.empty()) actor.certificate = std::string(sender.certificate);
  return actor;
}

Sender sender_of(const dxl::MessageView& message) {
  Sender sender{.certificate = message.source_client_id, .chain = {}};
  bool is_value = false;
  bool wanted = false;
  message.other_fields.for_each([&](std::string_view field) {
    if (is_value && wanted) sender.chain = field;
    wanted = !is_value && field == kCertsField;
    is_value = !is_value;
  });
  return sender;
}

}  // namespace tiara::service
