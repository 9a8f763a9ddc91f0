// Editing authorization.toml: one member's blocks change, everything else stays as it is written.
#include <algorithm>
#include <utility>

#include "broker/policy_file.hpp"
#include "broker/policy_parse.hpp"
#include "broker/state_directory.hpp"
#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;
using fabric::Member;

bool same_member(const Member& a, const Member& b) {
  return a.name == b.name && a.certificate == b.certificate && a.groups == b.groups;
}

bool same_rule(const fabric::TopicRule& a, const fabric::TopicRule& b) {
  return a.direction == b.direction && a.topic == b.topic && a.certificates == b.certificates &&
         a.groups == b.groups;
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

dxl::Result<void> edit(const std::filesystem::path& file, const fabric::Thumbprints& certificate,
                       const Member* replacement) {
  const auto text = read_file(file, kMaxPolicyBytes);
  if (!text) return dxl::fail(text.error());
  auto parsed = parse_policy_text(*text, file.string());
  if (!parsed) return dxl::fail(parsed.error());

  fabric::Policy expected = std::move(parsed->policy);
  const std::vector<Member> before = std::exchange(expected.members, {});
  bool placed = replacement == nullptr;
  for (const Member& member : before) {
    if (!same_certificate(member.certificate, certificate)) {
      expected.members.push_back(member);
    } else if (!placed) {
      expected.members.push_back(*replacement);
      placed = true;
    }
  }
  if (!placed) expected.members.push_back(*replacement);
  return write_proven(file,
                      without_blocks(*text, parsed->blocks, certificate,
                                     replacement ? block_text(*replacement) : ""),
                      expected);
}

}  // namespace

bool same_certificate(const fabric::Thumbprints& a, const fabric::Thumbprints& b) {
  return (!a.sha1.empty() && a.sha1 == b.sha1) || (!a.sha256.empty() && a.sha256 == b.sha256);
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

dxl::Result<void> check_proven(const std::filesystem::path& file, const std::string& edited,
                               const fabric::Policy& expected) {
  const auto after = parse_policy_text(edited, file.string());
  const bool as_expected =
      after && after->policy.profile == expected.profile &&
      after->policy.groups == expected.groups &&
      std::equal(expected.rules.begin(), expected.rules.end(), after->policy.rules.begin(),
                 after->policy.rules.end(), same_rule) &&
      std::equal(expected.members.begin(), expected.members.end(), after->policy.members.begin(),
                 after->policy.members.end(), same_member);
  if (!as_expected)
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: cannot edit this file; write each member as a [[member]] "
                                 "block with one key per line, and each rule as a [[topic]] block",
                                 file.string()));
  return {};
}

dxl::Result<void> write_proven(const std::filesystem::path& file, const std::string& edited,
                               const fabric::Policy& expected) {
  if (auto proven = check_proven(file, edited, expected); !proven) return proven;
  return write_file_atomically(follow_link(file), edited);
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

}  // namespace tiara::broker
