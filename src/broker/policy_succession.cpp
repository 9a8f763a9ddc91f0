#include "broker/policy_succession.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "broker/policy_parse.hpp"
#include "broker/state_directory.hpp"
#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

using fabric::Member;
using fabric::Thumbprints;
using fabric::TopicRule;

// A quoted thumbprint on a line, and what comes behind it; nothing: it goes.
struct TokenEdit {
  std::size_t line = 0;
  std::string token;
  std::string successor{};
};

struct Edit {
  std::vector<TokenEdit> tokens{};
  std::vector<std::pair<std::size_t, std::string>> inserted{};  // behind that line
  std::vector<MemberBlock> removed{};
  fabric::Policy expected{};  // what the text then reads as
  std::vector<std::string> added{};
  bool changes() const { return !(tokens.empty() && inserted.empty() && removed.empty()); }
};

bool names(const TopicRule& rule, const Thumbprints& certificate) {
  return std::any_of(rule.certificates.begin(), rule.certificates.end(), [&](const auto& each) {
    return each == certificate.sha1 || each == certificate.sha256;
  });
}

bool is_member(const fabric::Policy& policy, const Thumbprints& certificate) {
  return std::any_of(policy.members.begin(), policy.members.end(), [&](const Member& each) {
    return same_certificate(each.certificate, certificate);
  });
}

std::string words_for(const Member& member) {
  const Thumbprints& certificate = member.certificate;
  if (!member.name.empty()) return "member " + member.name;
  return "member " + (certificate.sha256.empty() ? certificate.sha1 : certificate.sha256);
}

std::string words_for(const TopicRule& rule) {
  return (rule.direction == fabric::Direction::kSend ? "send " : "receive ") + rule.topic;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string lower(std::string_view text) {
  std::string result;
  for (const char c : text) result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// Takes [begin, end) out of an array, with the comma behind it or, if it is the last of the line,
// before it.
void erase_element(std::string& line, std::size_t begin, std::size_t end) {
  std::size_t after = end;
  while (after < line.size() && is_blank(line[after])) ++after;
  if (after < line.size() && line[after] == ',') {
    end = after + 1;
    while (end < line.size() && is_blank(line[end])) ++end;
  } else {
    std::size_t before = begin;
    while (before > 0 && is_blank(line[before - 1])) --before;
    if (before > 0 && line[before - 1] == ',') begin = before - 1;
  }
  line.erase(begin, end - begin);
  if (line.find_first_not_of(" \t\r\n") == std::string::npos) line.clear();
}

// The first string on the line that reads as the token.
void edit_line(const TokenEdit& edit, std::string& line) {
  for (std::size_t at = 0; at < line.size() && line[at] != '#'; ++at) {
    const char quote = line[at];
    if (quote != '"' && quote != '\'') continue;
    std::size_t close = at + 1;
    while (close < line.size() && line[close] != quote)
      close += line[close] == '\\' && quote == '"' ? 2 : 1;
    if (close >= line.size()) return;
    if (lower(std::string_view(line).substr(at + 1, close - at - 1)) != edit.token) {
      at = close;
      continue;
    }
    if (edit.successor.empty()) return erase_element(line, at, close + 1);
    line.insert(close + 1, ", " + toml_string(edit.successor));
    return;
  }
}

std::string edited_text(const Edit& edit, std::string_view text) {
  std::string result;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string line(text.substr(0, size));
    text.remove_prefix(size);
    const bool is_removed =
        std::any_of(edit.removed.begin(), edit.removed.end(), [number](const MemberBlock& block) {
          return block.first_line <= number && number <= block.last_line;
        });
    if (is_removed) continue;
    for (const TokenEdit& token : edit.tokens)
      if (token.line == number) edit_line(token, line);
    result += line;
    for (const auto& [behind, block] : edit.inserted) {
      if (behind != number) continue;
      if (result.back() != '\n') result += '\n';
      result += "\n" + block;
    }
  }
  return result;
}

// Of the kinds that the old one is named by.
Member successor_of(const Member& old, const Thumbprints& now) {
  Member member = old;
  if (!old.certificate.sha1.empty()) member.certificate.sha1 = now.sha1;
  if (!old.certificate.sha256.empty()) member.certificate.sha256 = now.sha256;
  return member;
}

void add_members(const ParsedPolicy& parsed, const Thumbprints& old, const Thumbprints& now,
                 Edit& edit) {
  const bool is_there = is_member(parsed.policy, now);
  std::vector<Member>& expected = edit.expected.members;
  expected.clear();
  for (std::size_t i = 0; i < parsed.policy.members.size(); ++i) {
    const Member& member = parsed.policy.members[i];
    expected.push_back(member);
    if (is_there || !same_certificate(member.certificate, old)) continue;
    expected.push_back(successor_of(member, now));
    edit.inserted.emplace_back(parsed.blocks[i].last_line, block_text(expected.back()));
    edit.added.push_back(words_for(member));
  }
}

void add_to_rules(const ParsedPolicy& parsed, const Thumbprints& old, const Thumbprints& now,
                  Edit& edit) {
  for (std::size_t i = 0; i < parsed.policy.rules.size(); ++i) {
    const TopicRule& rule = parsed.policy.rules[i];
    if (!names(rule, old) || names(rule, now)) continue;
    std::vector<std::string>& expected = edit.expected.rules[i].certificates;
    expected.clear();
    for (std::size_t k = 0; k < rule.certificates.size(); ++k) {
      const std::string& each = rule.certificates[k];
      expected.push_back(each);
      if (each != old.sha1 && each != old.sha256) continue;
      expected.push_back(each == old.sha1 ? now.sha1 : now.sha256);
      edit.tokens.push_back({parsed.certificate_lines[i][k], each, expected.back()});
    }
    edit.added.push_back(words_for(rule));
  }
}

Edit plan_successor(const ParsedPolicy& parsed, const Thumbprints& old, const Thumbprints& now) {
  Edit edit;
  edit.expected = parsed.policy;
  add_members(parsed, old, now, edit);
  add_to_rules(parsed, old, now, edit);
  return edit;
}

Edit plan_retirement(const ParsedPolicy& parsed, const Thumbprints& gone,
                     const Thumbprints& stays) {
  Edit edit;
  edit.expected = parsed.policy;
  std::erase_if(edit.expected.members,
                [&](const Member& each) { return same_certificate(each.certificate, gone); });
  for (const MemberBlock& block : parsed.blocks)
    if (same_certificate(block.certificate, gone)) edit.removed.push_back(block);
  for (std::size_t i = 0; i < parsed.policy.rules.size(); ++i) {
    const TopicRule& rule = parsed.policy.rules[i];
    if (!names(rule, gone) || !names(rule, stays)) continue;
    const auto is_gone = [&](const std::string& each) {
      return each == gone.sha1 || each == gone.sha256;
    };
    for (std::size_t k = 0; k < rule.certificates.size(); ++k)
      if (is_gone(rule.certificates[k]))
        edit.tokens.push_back({parsed.certificate_lines[i][k], rule.certificates[k]});
    std::erase_if(edit.expected.rules[i].certificates, is_gone);
  }
  return edit;
}

struct PolicyText {
  std::string text;
  ParsedPolicy parsed;
};

dxl::Result<PolicyText> read(const std::filesystem::path& file) {
  auto text = read_file(file, kMaxPolicyBytes);
  if (!text) return dxl::fail(text.error());
  auto parsed = parse_policy_text(*text, file.string());
  if (!parsed) return dxl::fail(parsed.error());
  return PolicyText{*std::move(text), *std::move(parsed)};
}

}  // namespace

dxl::Result<std::vector<std::string>> add_successor(const std::filesystem::path& file,
                                                    const Thumbprints& old,
                                                    const Thumbprints& now) {
  const auto policy = read(file);
  if (!policy) return dxl::fail(policy.error());
  Edit edit = plan_successor(policy->parsed, old, now);
  if (!edit.changes()) return std::vector<std::string>{};
  if (auto written = write_proven(file, edited_text(edit, policy->text), edit.expected); !written)
    return dxl::fail(written.error());
  return std::move(edit.added);
}

dxl::Result<void> check_successor(const std::filesystem::path& file, const Thumbprints& old) {
  const auto policy = read(file);
  if (!policy) return dxl::fail(policy.error());
  // Any that is not there will do.
  const Thumbprints now{std::string(old.sha1.size(), '0'), std::string(old.sha256.size(), '0')};
  const Edit edit = plan_successor(policy->parsed, old, now);
  return edit.changes() ? check_proven(file, edited_text(edit, policy->text), edit.expected)
                        : dxl::Result<void>();
}

dxl::Result<void> retire_certificate(const std::filesystem::path& file, const Thumbprints& gone,
                                     const Thumbprints& stays) {
  const auto policy = read(file);
  if (!policy) return dxl::fail(policy.error());
  const Edit edit = plan_retirement(policy->parsed, gone, stays);
  return edit.changes() ? write_proven(file, edited_text(edit, policy->text), edit.expected)
                        : dxl::Result<void>();
}

std::vector<std::string> find_without_successor(const fabric::Policy& policy,
                                                const Thumbprints& old, const Thumbprints& now) {
  std::vector<std::string> found;
  const bool has_now = is_member(policy, now);
  for (const Member& member : policy.members)
    if (!has_now && same_certificate(member.certificate, old)) found.push_back(words_for(member));
  for (const TopicRule& rule : policy.rules)
    if (names(rule, old) && !names(rule, now)) found.push_back(words_for(rule));
  return found;
}

}  // namespace tiara::broker
