#include "tiara/auth_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "tiara/auth_client.hpp"
#include "tiara/output.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;
using fabric::Direction;
using fabric::Member;
using nlohmann::ordered_json;

std::size_t count_members(const fabric::Policy& policy, std::string_view group) {
  return static_cast<std::size_t>(
      std::count_if(policy.members.begin(), policy.members.end(), [group](const Member& member) {
        return std::find(member.groups.begin(), member.groups.end(), group) != member.groups.end();
      }));
}

std::string_view word_of(Direction direction) {
  return direction == Direction::kSend ? "send" : "receive";
}

using Row = std::vector<std::string>;

// Columns as wide as their widest cell; the last one is not padded.
std::string table_text(const Row& head, const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& cell : head) widths.push_back(cell.size());
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  const auto add = [&](const Row& row) {
    for (std::size_t i = 0; i < row.size(); ++i)
      text += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    text.erase(text.find_last_not_of(' ') + 1);  // of a row whose last cells are empty
    text += '\n';
  };
  add(head);
  for (const Row& row : rows) add(row);
  if (rows.empty()) text += "(none)\n";
  return text;
}

std::string who_text(const fabric::TopicRule& rule) {
  std::string text;
  const auto add = [&text](std::string_view kind, const std::string& value) {
    text.append(text.empty() ? "" : ", ").append(kind).append(printable(value));
  };
  for (const std::string& group : rule.groups) add("group ", group);
  for (const std::string& certificate : rule.certificates) add("certificate ", certificate);
  return text.empty() ? "nobody" : text;
}

bool is_from_topicauth(const broker::LoadedPolicy& loaded, std::size_t rule) {
  return rule >= loaded.policy.rules.size() - loaded.topicauth_rules;
}

bool is_revoked(const Member& member, const fabric::RevocationList& revoked) {
  return revoked.contains(member.certificate.sha1, member.certificate.sha256, {});
}

template <class F>
void for_each_group(const fabric::Policy& policy, F&& f) {
  for (const std::string_view name : fabric::known_groups()) f(std::string(name), true);
  for (const std::string& name : policy.groups) f(name, false);
}

}  // namespace

dxl::Result<void> check_group(const fabric::Policy& policy, std::string_view group) {
  if (fabric::is_known_group(policy, group)) return {};
  return dxl::fail(ErrorCode::kInvalidArgument,
                   fmt::format("unknown group \"{}\"; known are {}", printable(group),
                               fabric::list_groups(policy)));
}

std::string policy_text(const broker::LoadedPolicy& loaded, const std::vector<Member>& shown,
                        const fabric::RevocationList& revoked) {
  const fabric::Policy& policy = loaded.policy;
  std::vector<Row> groups, members, rules;
  for_each_group(policy, [&](const std::string& name, bool is_built_in) {
    groups.push_back({printable(name), is_built_in ? "built in" : "own",
                      std::to_string(count_members(policy, name))});
  });
  for (const Member& member : shown) {
    std::string names;
    for (const std::string& group : member.groups)
      names.append(names.empty() ? "" : ", ").append(printable(group));
    members.push_back({printable(member.name) + (is_revoked(member, revoked) ? " (revoked)" : ""),
                       thumbprint_of(member), names});
  }
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    rules.push_back({std::string(word_of(policy.rules[i].direction)),
                     printable(policy.rules[i].topic),
                     is_from_topicauth(loaded, i) ? "topicauth.policy" : "authorization.toml",
                     who_text(policy.rules[i])});
  return fmt::format("Profile: {}\n\n", to_string(policy.profile)) +
         table_text({"GROUP", "KIND", "MEMBERS"}, groups) + "\n" +
         table_text({"MEMBER", "THUMBPRINT", "GROUPS"}, members) + "\n" +
         table_text({"DIRECTION", "TOPIC", "FILE", "ALLOWED TO"}, rules);
}

std::string policy_json(const broker::LoadedPolicy& loaded, const std::vector<Member>& shown,
                        const fabric::RevocationList& revoked) {
  const fabric::Policy& policy = loaded.policy;
  ordered_json json;
  json["profile"] = to_string(policy.profile);
  for (const char* list : {"groups", "members", "rules"}) json[list] = ordered_json::array();
  for_each_group(policy, [&](const std::string& name, bool is_built_in) {
    json["groups"].push_back({{"name", name}, {"builtIn", is_built_in}});
  });
  for (const Member& member : shown)
    json["members"].push_back({{"name", member.name},
                               {"sha1", member.certificate.sha1},
                               {"sha256", member.certificate.sha256},
                               {"groups", member.groups},
                               {"revoked", is_revoked(member, revoked)}});
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    json["rules"].push_back(
        {{"direction", word_of(policy.rules[i].direction)},
         {"topic", policy.rules[i].topic},
         {"certificates", policy.rules[i].certificates},
         {"groups", policy.rules[i].groups},
         {"file", is_from_topicauth(loaded, i) ? "topicauth.policy" : "authorization.toml"}});
  return base::printable_json(json.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

namespace {

// The reason begins with the topic, which the line has named already.
std::string without_topic(const TestedTopic& tested) {
  const std::string said =
      fmt::format("{} {} ", tested.direction == Direction::kSend ? "sending to" : "receiving from",
                  tested.topic);
  const std::string& reason = tested.verdict.reason;
  return reason.starts_with(said) ? "this " + reason.substr(said.size()) : reason;
}

}  // namespace

std::string verdict_text(const TestedTopic& tested) {
  const bool allowed = tested.verdict.allowed;
  std::string text = fmt::format(
      "client {} {} {} {}", printable(tested.client), allowed ? "may" : "may not",
      tested.direction == Direction::kSend ? "send to" : "receive from", printable(tested.topic));
  const auto& groups = tested.verdict.groups;
  if (allowed) return text;
  if (groups.empty()) return text + ": " + printable(without_topic(tested));
  return text + printable(fmt::format(": not in {} \"{}\"",
                                      groups.size() == 1 ? "group" : "any of the groups",
                                      fmt::join(groups, "\", \"")));
}

std::string verdict_json(const TestedTopic& tested) {
  ordered_json json;
  json["client"] = tested.client;
  json["direction"] = word_of(tested.direction);
  json["topic"] = tested.topic;
  json["allowed"] = tested.verdict.allowed;
  json["groups"] = tested.verdict.groups;
  json["reason"] = tested.verdict.reason;
  return base::printable_json(json.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

}  // namespace tiara::app
