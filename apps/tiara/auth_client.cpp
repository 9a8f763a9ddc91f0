#include "tiara/auth_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/edit_distance.hpp"
#include "broker/certificate.hpp"
#include "broker/state_directory.hpp"
#include "tiara/output.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;
using fabric::Member;
using fabric::Thumbprints;

constexpr std::size_t kSha1Digits = 40, kSha256Digits = 64;
constexpr std::size_t kMaxListed = 20;
constexpr std::size_t kMaxNear = 5;
constexpr std::size_t kMaxCompared = 128;  // bytes of a name
constexpr std::size_t kMaxCertificateFile = 1024 * 1024;
constexpr std::string_view kAccepted =
    "a client is the name of a member (`tiara auth list` shows them), the SHA-1 or SHA-256 "
    "thumbprint of a certificate in hexadecimal, or a certificate file (PEM; ./NAME, NAME.crt, "
    "NAME.pem or NAME.cer)";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// Also as `openssl x509 -fingerprint` writes it. Neither is filled in if it is no thumbprint.
Thumbprints parse_thumbprint(std::string_view text) {
  Thumbprints thumbprints;
  std::string digits = lower(text);
  std::erase(digits, ':');
  const bool is_hex = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex && digits.size() == kSha1Digits) thumbprints.sha1 = digits;
  if (is_hex && digits.size() == kSha256Digits) thumbprints.sha256 = digits;
  return thumbprints;
}

bool is_named_file(const std::string& text) {
  constexpr std::array<std::string_view, 3> kEndings{".crt", ".pem", ".cer"};
  const bool looks_like_one =
      text.find('/') != std::string::npos ||
      std::any_of(kEndings.begin(), kEndings.end(),
                  [&text](std::string_view ending) { return text.ends_with(ending); });
  std::error_code ignored;
  return looks_like_one && std::filesystem::is_regular_file(text, ignored);
}

bool has_name(const fabric::Policy& policy, std::string_view name) {
  return std::any_of(policy.members.begin(), policy.members.end(),
                     [name](const Member& member) { return member.name == name; });
}

bool same_certificate(const Thumbprints& a, const Thumbprints& b) {
  return (!a.sha1.empty() && a.sha1 == b.sha1) || (!a.sha256.empty() && a.sha256 == b.sha256);
}

void unite(Member& member, const Member& other) {
  if (member.name.empty()) member.name = other.name;
  if (member.certificate.sha1.empty()) member.certificate.sha1 = other.certificate.sha1;
  if (member.certificate.sha256.empty()) member.certificate.sha256 = other.certificate.sha256;
  for (const std::string& group : other.groups)
    if (std::find(member.groups.begin(), member.groups.end(), group) == member.groups.end())
      member.groups.push_back(group);
}

bool is_meant(const Member& member, const NamedClient& client) {
  return client.certificate == Thumbprints{}
             ? member.name == client.name
             : same_certificate(member.certificate, client.certificate);
}

std::string list_members(const std::vector<Member>& members) {
  std::string list;
  for (std::size_t i = 0; i < members.size() && i < kMaxListed; ++i)
    list += fmt::format("{}{} ({})", i == 0 ? "" : ", ", printable(members[i].name),
                        thumbprint_of(members[i]));
  if (members.size() > kMaxListed) list += fmt::format(" and {} more", members.size() - kMaxListed);
  return list;
}

// Names that contain it, are contained in it, or differ by a few letters; the nearest first.
std::string list_near(const fabric::Policy& policy, std::string_view wanted) {
  const std::string text = lower(wanted.substr(0, kMaxCompared));
  const std::size_t few = std::max<std::size_t>(2, text.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const Member& member : policy.members) {
    const std::string name = lower(std::string_view(member.name).substr(0, kMaxCompared));
    if (name.empty() || text.empty()) continue;
    const bool contains =
        name.find(text) != std::string::npos || text.find(name) != std::string::npos;
    const std::size_t distance = base::edit_distance(text, name);
    if (contains || (distance <= few && distance < name.size()))
      near.emplace_back(distance, member.name);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  std::string list;
  for (std::size_t i = 0; i < near.size() && i < kMaxNear; ++i)
    list.append(i == 0 ? "" : ", ").append(printable(near[i].second));
  return list;
}

tl::unexpected<dxl::Error> no_such_member(const fabric::Policy& policy, std::string_view name) {
  const std::string near = list_near(policy, name);
  return dxl::fail(ErrorCode::kInvalidArgument,
                   fmt::format("no member {}{}{}; {}", printable(name),
                               near.empty() ? "" : "; similar are ", near, kAccepted));
}

// One for each certificate that is meant, with all its entries.
std::vector<Member> find_members(const fabric::Policy& policy, const NamedClient& client) {
  std::vector<Member> found;
  for (const Member& member : policy.members) {
    const bool is_there = std::any_of(found.begin(), found.end(), [&member](const Member& other) {
      return same_certificate(other.certificate, member.certificate);
    });
    if (!is_there && is_meant(member, client)) found.push_back(member);
  }
  for (Member& member : found)
    for (const Member& entry : policy.members)
      if (same_certificate(entry.certificate, member.certificate)) unite(member, entry);
  return found;
}

dxl::Result<NamedClient> read_client(const std::string& file) {
  auto text = broker::read_file(file, kMaxCertificateFile);
  if (!text) return dxl::fail(ErrorCode::kInvalidArgument, text.error().message);
  auto facts = broker::inspect_certificate(*text);
  if (!facts)
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("{}: {}", printable(file), facts.error().message));
  return NamedClient{std::move(facts->common_name), std::move(facts->thumbprints), *std::move(text),
                     facts->is_ca};
}

}  // namespace

const std::string& thumbprint_of(const Member& member) {
  return member.certificate.sha256.empty() ? member.certificate.sha1 : member.certificate.sha256;
}

dxl::Result<NamedClient> parse_client(const fabric::Policy& policy, const std::string& text) {
  NamedClient client;
  client.certificate = parse_thumbprint(text);
  if (client.certificate != Thumbprints{}) return client;
  if (!is_named_file(text)) {
    client.name = text;
    return client;
  }
  if (has_name(policy, text))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("{} is a member's name and a file as well; give the thumbprint of "
                                 "the certificate you mean",
                                 printable(text)));
  return read_client(text);
}

dxl::Result<FoundClient> find_client(const fabric::Policy& policy, const NamedClient& client) {
  std::vector<Member> found = find_members(policy, client);
  const bool is_certificate = client.certificate != Thumbprints{};
  if (found.size() > 1 && !is_certificate)
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("{} is the name of {} certificates; give the thumbprint of one: "
                                 "{}",
                                 printable(client.name), found.size(), list_members(found)));
  const bool is_member = !found.empty();
  if (!is_member && !is_certificate) return no_such_member(policy, client.name);
  Member member;
  // Entries with one thumbprint each are united by a file, which has both.
  for (const Member& entry : found) unite(member, entry);
  unite(member, {client.name, client.certificate, {}});
  return FoundClient{std::move(member), is_member};
}

dxl::Result<std::vector<Member>> find_entries(const fabric::Policy& policy,
                                              const NamedClient& client) {
  std::vector<Member> entries;
  const std::vector<Member> found = find_members(policy, client);
  for (const Member& entry : policy.members)
    if (std::any_of(found.begin(), found.end(), [&entry](const Member& member) {
          return same_certificate(entry.certificate, member.certificate);
        }))
      entries.push_back(entry);
  if (entries.empty() && client.certificate == Thumbprints{})
    return no_such_member(policy, client.name);
  return entries;
}

}  // namespace tiara::app
