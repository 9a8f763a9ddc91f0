#include "broker/rotation_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "broker/authority.hpp"
#include "broker/certificate.hpp"
#include "broker/policy_file.hpp"
#include "broker/policy_succession.hpp"
#include "broker/topicauth_file.hpp"

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;
using fabric::Thumbprints;

// The old CAs, then as many new ones, in the same order.
dxl::Result<std::vector<ReplacedCa>> read_note(const fs::path& file) {
  const auto text = read_file(file);
  if (!text) return dxl::fail(text.error());
  const auto facts = inspect_certificates(*text);
  if (!facts || facts->size() % 2 != 0)
    return dxl::fail(
        ErrorCode::kStorage,
        fmt::format("{}: damaged; expected certificates of old and new CAs", file.string()));
  std::vector<ReplacedCa> replaced;
  const std::size_t half = facts->size() / 2;
  for (std::size_t i = 0; i < half; ++i)
    replaced.push_back({(*facts)[i].thumbprints, (*facts)[half + i].thumbprints});
  return replaced;
}

dxl::Result<void> remove_note(const fs::path& file) {
  std::error_code error;
  fs::remove(file, error);
  if (!error) return sync_directory(file.parent_path());
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: cannot remove: {}", file.string(), error.message()));
}

dxl::Result<Thumbprints> first_of(const fs::path& file) {
  const auto text = read_file(file);
  if (!text) return dxl::fail(text.error());
  auto facts = inspect_certificate(*text);
  if (!facts) return dxl::fail(facts.error());
  return std::move(facts->thumbprints);
}

dxl::Result<fabric::Policy> load_topicauth_policy(const StatePaths& paths) {
  auto loaded = load_topicauth(paths.topicauth);
  if (!loaded) return dxl::fail(loaded.error());
  return fabric::Policy{.rules = std::move(loaded->rules)};
}

std::string list_some(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 5;
  const std::size_t named = std::min(names.size(), kNamed);
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(named);
  std::string text = fmt::format("{}", fmt::join(names.begin(), end, ", "));
  if (names.size() > named) text += fmt::format(" and {} more", names.size() - named);
  return text;
}

}  // namespace

dxl::Result<std::vector<ReplacedCa>> find_replaced_cas(const fs::path& keystore) {
  std::vector<ReplacedCa> replaced;
  const auto held = list_certificates(keystore);
  if (!held) return dxl::fail(held.error());
  const auto find = [&](std::string_view role) -> const Thumbprints* {
    for (const HeldCertificate& each : *held)
      if (each.role == role) return &each.facts.thumbprints;
    return nullptr;
  };
  for (const auto& [old_role, role] :
       {std::pair("old client CA", "client CA"), std::pair("old broker CA", "broker CA")}) {
    const Thumbprints* const old = find(old_role);
    const Thumbprints* const now = find(role);
    if (old && now) replaced.push_back({*old, *now});
  }
  return replaced;
}

dxl::Result<void> check_policy_editable(const StatePaths& paths) {
  for (const char* ca : {"ca-client.crt", "ca-broker.crt"}) {
    const auto present = first_of(paths.keystore / ca);
    if (!present) return dxl::fail(present.error());
    if (auto checked = check_successor(paths.policy, *present); !checked) return checked;
  }
  return {};
}

dxl::Result<void> check_policy_names_new_cas(const StatePaths& paths) {
  const auto replaced = find_replaced_cas(paths.keystore);
  if (!replaced) return dxl::fail(replaced.error());
  const auto policy = load_policy(paths.policy), original = load_topicauth_policy(paths);
  if (!policy) return dxl::fail(policy.error());
  if (!original) return dxl::fail(original.error());
  for (const ReplacedCa& ca : *replaced)
    for (const auto& [file, each] :
         {std::pair(&paths.policy, &*policy), std::pair(&paths.topicauth, &*original)}) {
      const auto found = find_without_successor(*each, ca.old, ca.now);
      if (found.empty()) continue;
      return dxl::fail(
          ErrorCode::kConfiguration,
          fmt::format("{}: names the old CA {} and not the new one beside it, whose clients are "
                      "left out: {}; write {} beside it, or take the old one out",
                      file->string(), ca.old.sha1, list_some(found), ca.now.sha1));
    }
  return {};
}

dxl::Result<std::vector<std::string>> settle_policy(const StatePaths& paths) {
  const auto lock = FileLock::acquire(paths.policy_lock);
  if (!lock) return dxl::fail(lock.error());
  std::vector<std::string> all_added;
  if (const fs::path note = paths.keystore / kPolicyToAdd; is_there(note)) {
    const auto replaced = read_note(note);
    if (!replaced) return dxl::fail(replaced.error());
    for (const ReplacedCa& ca : *replaced) {
      auto added = add_successor(paths.policy, ca.old, ca.now);
      if (!added) return dxl::fail(added.error());
      all_added.insert(all_added.end(), added->begin(), added->end());
    }
    if (auto done = remove_note(note); !done) return dxl::fail(done.error());
  }
  if (const fs::path note = paths.keystore / kPolicyToRetire; is_there(note)) {
    const auto replaced = read_note(note);
    if (!replaced) return dxl::fail(replaced.error());
    for (const ReplacedCa& ca : *replaced)
      if (auto done = retire_certificate(paths.policy, ca.old, ca.now); !done)
        return dxl::fail(done.error());
    if (auto done = remove_note(note); !done) return dxl::fail(done.error());
  }
  return all_added;
}

}  // namespace tiara::broker
