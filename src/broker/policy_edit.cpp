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
  const auto before = parse_policy_text(*text, file.string());
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
  const auto after = parse_policy_text(edited, file.string());
  const bool as_expected =
      after && after->policy.rules.size() == before->policy.rules.size() &&
      after->policy.profile == before->policy.profile &&
      after->policy.groups == before->policy.groups &&
      std::equal(expected.begin(), expected.end(), after->policy.members.begin(),
                 after->policy.members.end(), same_member);
  if (!as_expected)
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: cannot edit this file; write each member as a [[member]] "
                                 "block with one key per line",
                                 file.string()));
  return write_file_atomically(follow_link(file), edited);
}

}  // namespace

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
