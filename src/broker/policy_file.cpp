#include "broker/policy_file.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "broker/state_directory.hpp"
#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;
using fabric::Member;
using fabric::Policy;
using fabric::TopicRule;

constexpr std::size_t kMaxPolicyBytes = 16 * 1024 * 1024;
constexpr std::size_t kSha1Digits = 40;
constexpr std::size_t kSha256Digits = 64;

// Where in the file one [[member]] stands: lines from 1, both included.
struct MemberBlock {
  fabric::Thumbprints certificate;
  std::size_t first_line = 0;
  std::size_t last_line = 0;
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

std::optional<std::string> take_groups(const TomlValue& value, std::vector<std::string>& into) {
  const auto* array = value.as<TomlArray>();
  if (!array) return "expected an array of group names";
  for (const TomlValue& element : *array) {
    const auto* name = element.as<std::string>();
    if (!name) return "expected an array of group names";
    if (!fabric::is_known_group(*name)) {
      std::string known;
      for (const std::string_view group : fabric::known_groups())
        known.append(known.empty() ? "" : ", ").append(toml_string(group));
      return fmt::format("unknown group {}; known are {}", toml_string(*name), known);
    }
    into.push_back(*name);
  }
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
  const bool trailing = wildcard == into.size() - 1 && into.ends_with("/#");
  if (wildcard != std::string::npos && !trailing) return "a wildcard may only be `/#` at the end";
  return std::nullopt;
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

bool has_key(const TomlValue& value, std::string_view name) {
  const auto* table = value.as<TomlTable>();
  return table && std::any_of(table->begin(), table->end(),
                              [name](const TomlMember& member) { return member.key == name; });
}

struct ParsedPolicy {
  Policy policy;
  std::vector<MemberBlock> blocks;  // in the order of policy.members
};

dxl::Result<void> read_member(const TomlValue& value, std::string_view file, ParsedPolicy& into) {
  auto member = read_table(value, "member", file, member_keys());
  if (!member) return dxl::fail(member.error());
  if (member->certificate == fabric::Thumbprints{})
    return toml_failure(file, value.line, "[[member]] needs sha1 or sha256");
  into.blocks.push_back({member->certificate, value.line, value.last_line});
  into.policy.members.push_back(std::move(*member));
  return {};
}

dxl::Result<void> read_topic(const TomlValue& value, std::string_view file, ParsedPolicy& into) {
  auto rule = read_table(value, "topic", file, topic_keys());
  if (!rule) return dxl::fail(rule.error());
  if (!has_key(value, "topic") || !has_key(value, "direction"))
    return toml_failure(file, value.line, "[[topic]] needs topic and direction");
  into.policy.rules.push_back(std::move(*rule));
  return {};
}

dxl::Result<ParsedPolicy> parse(std::string_view text, std::string_view file) {
  const auto root = parse_toml(text, file);
  if (!root) return dxl::fail(root.error());
  ParsedPolicy parsed;
  for (const auto& [name, value] : *root) {
    const bool is_member = name == "member";
    if (!is_member && name != "topic")
      return toml_failure(file, value.line,
                          fmt::format("unknown key {}; known are [[member]], [[topic]]", name));
    const auto* elements = value.as<TomlArray>();
    if (!elements)
      return toml_failure(file, value.line, fmt::format("expected [[{}]] blocks", name));
    for (const TomlValue& element : *elements)
      if (auto done =
              is_member ? read_member(element, file, parsed) : read_topic(element, file, parsed);
          !done)
        return dxl::fail(done.error());
  }
  return parsed;
}

bool same_certificate(const fabric::Thumbprints& a, const fabric::Thumbprints& b) {
  return (!a.sha1.empty() && a.sha1 == b.sha1) || (!a.sha256.empty() && a.sha256 == b.sha256);
}

bool same_member(const Member& a, const Member& b) {
  return a.name == b.name && a.certificate == b.certificate && a.groups == b.groups;
}

std::string block_text(const Member& member) {
  std::string text = "[[member]]\n";
  if (!member.name.empty()) text += fmt::format("name = {}\n", toml_string(member.name));
  if (!member.certificate.sha1.empty())
    text += fmt::format("sha1 = {}\n", toml_string(member.certificate.sha1));
  if (!member.certificate.sha256.empty())
    text += fmt::format("sha256 = {}\n", toml_string(member.certificate.sha256));
  text += "groups = [";
  for (std::size_t i = 0; i < member.groups.size(); ++i)
    text.append(i == 0 ? "" : ", ").append(toml_string(member.groups[i]));
  return text + "]\n";
}

// The text without the lines of the blocks of `certificate`; `replacement` takes the first one's
// place.
std::string without_blocks(std::string_view text, const std::vector<MemberBlock>& blocks,
                           const fabric::Thumbprints& certificate, const std::string& replacement) {
  std::string result;
  bool placed = false;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    const auto block = std::find_if(blocks.begin(), blocks.end(), [&](const MemberBlock& b) {
      return b.first_line <= line && line <= b.last_line &&
             same_certificate(b.certificate, certificate);
    });
    if (block == blocks.end()) {
      result += text.substr(0, size);
    } else if (!placed) {
      result += replacement;
      placed = true;
    }
    text.remove_prefix(size);
  }
  if (placed || replacement.empty()) return result;
  if (!result.empty() && result.back() != '\n') result += '\n';
  return result + (result.empty() ? "" : "\n") + replacement;
}

// Edits the text and proves the result by parsing it: what the edit cannot reach (members written
// as an inline array, say) is an error instead of a damaged policy.
dxl::Result<void> edit(const std::filesystem::path& file, const fabric::Thumbprints& certificate,
                       const Member* replacement) {
  const auto text = read_file(file, kMaxPolicyBytes);
  if (!text) return dxl::fail(text.error());
  const auto before = parse(*text, file.string());
  if (!before) return dxl::fail(before.error());

  std::vector<Member> expected;
  bool placed = replacement == nullptr;
  for (const Member& member : before->policy.members) {
    if (!same_certificate(member.certificate, certificate)) {
      expected.push_back(member);
    } else if (!placed) {
      expected.push_back(*replacement);
      placed = true;
    }
  }
  if (!placed) expected.push_back(*replacement);

  const std::string edited = without_blocks(*text, before->blocks, certificate,
                                            replacement ? block_text(*replacement) : "");
  const auto after = parse(edited, file.string());
  const bool as_expected =
      after && after->policy.rules.size() == before->policy.rules.size() &&
      std::equal(expected.begin(), expected.end(), after->policy.members.begin(),
                 after->policy.members.end(), same_member);
  if (!as_expected)
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: cannot edit this file; write each member as a [[member]] "
                                 "block with one key per line",
                                 file.string()));
  return write_file_atomically(file, edited);
}

}  // namespace

dxl::Result<Policy> parse_policy(std::string_view text, std::string_view name) {
  auto parsed = parse(text, name);
  if (!parsed) return dxl::fail(parsed.error());
  return std::move(parsed->policy);
}

dxl::Result<Policy> load_policy(const std::filesystem::path& file) {
  const auto text = read_file(file, kMaxPolicyBytes);
  if (!text) return dxl::fail(ErrorCode::kConfiguration, text.error().message);
  return parse_policy(*text, file.string());
}

dxl::Result<void> add_member(const std::filesystem::path& file, const Member& member) {
  if (member.certificate == fabric::Thumbprints{})
    return dxl::fail(ErrorCode::kInvalidArgument, "a member needs a certificate");
  return edit(file, member.certificate, &member);
}

dxl::Result<void> remove_member(const std::filesystem::path& file,
                                const fabric::Thumbprints& certificate) {
  return edit(file, certificate, nullptr);
}

std::string initial_policy_text() {
  std::string text =
      "# Who may do what on this fabric. A running broker rereads this file on `tiara provision`\n"
      "# and on SIGHUP; a mistake is reported and the policy in force stays.\n"
      "#\n"
      "# A member is a certificate (sha1 or sha256 of it, hexadecimal; a CA's admits all it "
      "signed)\n"
      "# and its groups:\n"
      "#\n"
      "#   [[member]]\n"
      "#   name = \"scanner\"\n"
      "#   sha256 = \"<64 hexadecimal digits>\"\n"
      "#   groups = [\"TIE Server Set External Reputation\"]\n"
      "#\n"
      "# Groups:\n";
  for (const std::string_view group : fabric::known_groups())
    text += fmt::format("#   {}\n", toml_string(group));
  return text +
         "#\n"
         "# A topic rule restricts a topic, or with `/#` everything below it, to the certificates\n"
         "# and groups it names; with neither, to nobody:\n"
         "#\n"
         "#   [[topic]]\n"
         "#   direction = \"send\"  # or \"receive\"\n"
         "#   topic = \"/mycompany/orders/#\"\n"
         "#   certificates = [\"<40 or 64 hexadecimal digits>\"]\n"
         "#   groups = []\n";
}

}  // namespace tiara::broker
