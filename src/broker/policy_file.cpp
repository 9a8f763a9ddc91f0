#include "broker/policy_file.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "broker/policy_parse.hpp"
#include "broker/state_directory.hpp"
#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;
using fabric::Member;
using fabric::Policy;
using fabric::TopicRule;

constexpr std::size_t kSha1Digits = 40;
constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kMaxGroupNameBytes = 128;

struct Group {
  std::string name;
};

// One key of a table: how to take its value. The message says what was expected.
template <class T>
struct Key {
  std::string_view name;
  std::optional<std::string> (*take)(const TomlValue& value, T& into);
};

std::optional<std::string> take_text(const TomlValue& value, std::string& into) {
  const auto* text = value.as<std::string>();
  if (!text || text->empty()) return "expected a string that is not empty";
  into = *text;
  return std::nullopt;
}

std::optional<std::string> take_thumbprint(const TomlValue& value, std::string_view digits,
                                           bool sha1, bool sha256, std::string& into) {
  const auto* text = value.as<std::string>();
  const bool length_fits =
      text && ((sha1 && text->size() == kSha1Digits) || (sha256 && text->size() == kSha256Digits));
  if (!length_fits || text->find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return fmt::format("expected {} hexadecimal digits", digits);
  into.clear();
  for (const char c : *text) into += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::nullopt;
}

// Whether they are known is checked when all are: check_groups.
std::optional<std::string> take_groups(const TomlValue& value, std::vector<std::string>& into) {
  const auto* array = value.as<TomlArray>();
  if (!array) return "expected an array of group names";
  for (const TomlValue& element : *array) {
    const auto* name = element.as<std::string>();
    if (!name) return "expected an array of group names";
    into.push_back(*name);
  }
  return std::nullopt;
}

std::optional<std::string> take_group_name(const TomlValue& value, std::string& into) {
  if (auto wrong = take_text(value, into)) return wrong;
  const bool is_plain = std::none_of(into.begin(), into.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!is_plain || into.size() > kMaxGroupNameBytes)
    return fmt::format("expected up to {} bytes without control characters", kMaxGroupNameBytes);
  if (fabric::is_known_group(into)) return toml_string(into) + " is built in";
  return std::nullopt;
}

std::optional<std::string> take_profile(const TomlValue& value, fabric::Profile& into) {
  const auto* text = value.as<std::string>();
  if (!text || (*text != "open" && *text != "deny")) return "expected \"open\" or \"deny\"";
  into = *text == "open" ? fabric::Profile::kOpen : fabric::Profile::kDeny;
  return std::nullopt;
}

std::optional<std::string> take_certificates(const TomlValue& value,
                                             std::vector<std::string>& into) {
  const auto* array = value.as<TomlArray>();
  if (!array) return "expected an array of thumbprints";
  for (const TomlValue& element : *array)
    if (auto wrong = take_thumbprint(element, "40 or 64", true, true, into.emplace_back()))
      return wrong;
  return std::nullopt;
}

std::optional<std::string> take_direction(const TomlValue& value, fabric::Direction& into) {
  const auto* text = value.as<std::string>();
  if (!text || (*text != "send" && *text != "receive")) return "expected \"send\" or \"receive\"";
  into = *text == "send" ? fabric::Direction::kSend : fabric::Direction::kReceive;
  return std::nullopt;
}

std::optional<std::string> take_topic(const TomlValue& value, std::string& into) {
  if (auto wrong = take_text(value, into)) return wrong;
  const std::size_t wildcard = into.find_first_of("#+");
  const bool trailing = wildcard == into.size() - 1 && (into == "#" || into.ends_with("/#"));
  if (wildcard != std::string::npos && !trailing)
    return "a wildcard may only be `#` alone or `/#` at the end";
  return std::nullopt;
}

const std::vector<Key<Group>>& group_keys() {
  using V = const TomlValue&;
  static const std::vector<Key<Group>> keys{
      {"name", [](V v, Group& g) { return take_group_name(v, g.name); }}};
  return keys;
}

const std::vector<Key<Member>>& member_keys() {
  using V = const TomlValue&;
  static const std::vector<Key<Member>> keys{
      {"name", [](V v, Member& m) { return take_text(v, m.name); }},
      {"sha1",
       [](V v, Member& m) { return take_thumbprint(v, "40", true, false, m.certificate.sha1); }},
      {"sha256",
       [](V v, Member& m) { return take_thumbprint(v, "64", false, true, m.certificate.sha256); }},
      {"groups", [](V v, Member& m) { return take_groups(v, m.groups); }}};
  return keys;
}

const std::vector<Key<TopicRule>>& topic_keys() {
  using V = const TomlValue&;
  static const std::vector<Key<TopicRule>> keys{
      {"direction", [](V v, TopicRule& r) { return take_direction(v, r.direction); }},
      {"topic", [](V v, TopicRule& r) { return take_topic(v, r.topic); }},
      {"certificates", [](V v, TopicRule& r) { return take_certificates(v, r.certificates); }},
      {"groups", [](V v, TopicRule& r) { return take_groups(v, r.groups); }}};
  return keys;
}

template <class T>
dxl::Result<T> read_table(const TomlValue& value, std::string_view kind, std::string_view file,
                          const std::vector<Key<T>>& keys) {
  const auto* table = value.as<TomlTable>();
  if (!table) return toml_failure(file, value.line, fmt::format("expected [[{}]] blocks", kind));
  T result;
  for (const auto& [name, member] : *table) {
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&name = name](const Key<T>& row) { return row.name == name; });
    if (key == keys.end()) {
      std::string known;
      for (const Key<T>& row : keys) known.append(known.empty() ? "" : ", ").append(row.name);
      return toml_failure(file, member.line,
                          fmt::format("unknown key {} in [[{}]]; known are {}", name, kind, known));
    }
    if (const auto wrong = key->take(member, result))
      return toml_failure(file, member.line, fmt::format("{}: {}", name, *wrong));
  }
  return result;
}

const TomlValue* find_key(const TomlValue& value, std::string_view name) {
  const auto* table = value.as<TomlTable>();
  if (!table) return nullptr;
  const auto at = std::find_if(table->begin(), table->end(),
                               [name](const TomlMember& member) { return member.key == name; });
  return at == table->end() ? nullptr : &at->value;
}

// The line of a key, 0 if the table has none.
std::size_t line_of(const TomlValue& value, std::string_view name) {
  const TomlValue* const found = find_key(value, name);
  return found ? found->line : 0;
}

std::vector<std::size_t> lines_of_elements(const TomlValue& value, std::string_view name) {
  std::vector<std::size_t> lines;
  const TomlValue* const found = find_key(value, name);
  if (const auto* array = found ? found->as<TomlArray>() : nullptr)
    for (const TomlValue& element : *array) lines.push_back(element.line);
  return lines;
}

dxl::Result<void> check_groups(const std::vector<std::string>& groups, const TomlValue& value,
                               std::string_view file, const Policy& policy) {
  for (const std::string& name : groups)
    if (!fabric::is_known_group(policy, name))
      return toml_failure(file, line_of(value, "groups"),
                          fmt::format("groups: unknown group {}; known are {}", toml_string(name),
                                      fabric::list_groups(policy)));
  return {};
}

dxl::Result<void> read_group(const TomlValue& value, std::string_view file, ParsedPolicy& into) {
  const auto group = read_table(value, "group", file, group_keys());
  if (!group) return dxl::fail(group.error());
  if (group->name.empty()) return toml_failure(file, value.line, "[[group]] needs name");
  std::vector<std::string>& groups = into.policy.groups;
  if (std::find(groups.begin(), groups.end(), group->name) != groups.end())
    return toml_failure(file, line_of(value, "name"),
                        fmt::format("name: {} is declared twice", toml_string(group->name)));
  if (groups.size() == fabric::kMaxDeclaredGroups)
    return toml_failure(file, value.line,
                        fmt::format("more than {} [[group]] blocks", fabric::kMaxDeclaredGroups));
  groups.push_back(group->name);
  return {};
}

dxl::Result<void> read_member(const TomlValue& value, std::string_view file, ParsedPolicy& into) {
  auto member = read_table(value, "member", file, member_keys());
  if (!member) return dxl::fail(member.error());
  if (member->certificate == fabric::Thumbprints{})
    return toml_failure(file, value.line, "[[member]] needs sha1 or sha256");
  if (auto known = check_groups(member->groups, value, file, into.policy); !known) return known;
  into.blocks.push_back({member->certificate, value.line, value.last_line});
  into.policy.members.push_back(std::move(*member));
  return {};
}

dxl::Result<void> read_topic(const TomlValue& value, std::string_view file, ParsedPolicy& into) {
  auto rule = read_table(value, "topic", file, topic_keys());
  if (!rule) return dxl::fail(rule.error());
  if (line_of(value, "topic") == 0 || line_of(value, "direction") == 0)
    return toml_failure(file, value.line, "[[topic]] needs topic and direction");
  if (auto known = check_groups(rule->groups, value, file, into.policy); !known) return known;
  into.policy.rules.push_back(std::move(*rule));
  into.certificate_lines.push_back(lines_of_elements(value, "certificates"));
  return {};
}

dxl::Result<void> read_profile(const TomlValue& value, std::string_view file, ParsedPolicy& into) {
  if (const auto wrong = take_profile(value, into.policy.profile))
    return toml_failure(file, value.line, fmt::format("profile: {}", *wrong));
  return {};
}

template <dxl::Result<void> (*read)(const TomlValue&, std::string_view, ParsedPolicy&)>
dxl::Result<void> read_blocks(const TomlValue& value, std::string_view name, std::string_view file,
                              ParsedPolicy& into) {
  const auto* elements = value.as<TomlArray>();
  if (!elements) return toml_failure(file, value.line, fmt::format("expected [[{}]] blocks", name));
  for (const TomlValue& element : *elements)
    if (auto done = read(element, file, into); !done) return done;
  return {};
}

dxl::Result<void> read_key(const TomlMember& member, std::string_view file, ParsedPolicy& into) {
  const auto& [name, value] = member;
  if (name == "profile") return read_profile(value, file, into);
  if (name == "group") return read_blocks<read_group>(value, name, file, into);
  if (name == "member") return read_blocks<read_member>(value, name, file, into);
  if (name == "topic") return read_blocks<read_topic>(value, name, file, into);
  return toml_failure(
      file, value.line,
      fmt::format("unknown key {}; known are profile, [[group]], [[member]], [[topic]]", name));
}

}  // namespace

dxl::Result<ParsedPolicy> parse_policy_text(std::string_view text, std::string_view file) {
  auto root = parse_toml(text, file);
  if (!root) return dxl::fail(root.error());
  // Emptied by somebody or by a full disk: what it denied would be allowed.
  if (root->empty())
    return dxl::fail(
        ErrorCode::kConfiguration,
        fmt::format("{}: says nothing, so it is damaged: restore it, or write the line "
                    "profile = \"open\" (or \"deny\") if that is what you want",
                    file));
  // Groups first, whatever the order in the file: the others name them.
  std::stable_partition(root->begin(), root->end(),
                        [](const TomlMember& member) { return member.key == "group"; });
  ParsedPolicy parsed;
  for (const TomlMember& member : *root)
    if (auto done = read_key(member, file, parsed); !done) return dxl::fail(done.error());
  return parsed;
}

dxl::Result<Policy> parse_policy(std::string_view text, std::string_view name) {
  auto parsed = parse_policy_text(text, name);
  if (!parsed) return dxl::fail(parsed.error());
  return std::move(parsed->policy);
}

dxl::Result<Policy> load_policy(const std::filesystem::path& file) {
  const auto text = read_file(file, kMaxPolicyBytes);
  if (!text) return dxl::fail(ErrorCode::kConfiguration, text.error().message);
  return parse_policy(*text, file.string());
}

}  // namespace tiara::broker
