#include "broker/authority.hpp"

#include <algorithm>
#include <utility>

#include "broker/credential_files.hpp"
#include "broker/file_set.hpp"
#include "broker/keystore.hpp"
#include "broker/state_directory.hpp"

namespace tiara::broker {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;

constexpr const char* kClientCa = "ca-client.crt";
constexpr const char* kClientKey = "ca-client.key";
constexpr const char* kBrokerCa = "ca-broker.crt";
constexpr const char* kBrokerCaKey = "ca-broker.key";
constexpr const char* kBroker = "broker.crt";
constexpr const char* kBrokerKey = "broker.key";
// The CAs that a rotation is about to drop: client CA, then broker CA. There while it is under way.
constexpr const char* kOld = "old-cas.crt";

// PEM blocks, in order.
std::vector<std::string> split(const std::string& pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----",
                             kEnd = "-----END CERTIFICATE-----";
  std::vector<std::string> blocks;
  for (std::size_t at = pem.find(kBegin); at != std::string::npos; at = pem.find(kBegin, at)) {
    const std::size_t end = pem.find(kEnd, at);
    if (end == std::string::npos) break;
    blocks.push_back(pem.substr(at, end + kEnd.size() - at) + "\n");
    at = end;
  }
  return blocks;
}

dxl::Error named(const fs::path& file, const dxl::Error& error) {
  if (error.code == ErrorCode::kStorage) return error;  // names it already
  return {ErrorCode::kStorage, fmt::format("{}: {}", file.string(), error.message), 0};
}

dxl::Result<void> check_pair(const fs::path& keystore, const char* certificate, const char* key,
                             bool key_may_be_elsewhere) {
  const auto text = read_file(keystore / certificate);
  if (!text) return dxl::fail(text.error());
  if (const auto facts = inspect_certificates(*text); !facts)
    return dxl::fail(named(keystore / certificate, facts.error()));
  const fs::path key_file = find_key(keystore, key);
  if (key_may_be_elsewhere && !is_there(key_file)) return {};
  const auto key_text = read_file(key_file);
  if (!key_text) return dxl::fail(key_text.error());
  if (auto checked = check_key(*text, *key_text); !checked)
    return dxl::fail(named(key_file, checked.error()));
  return {};
}

// The issuer's own certificate and key.
dxl::Result<KeyAndCertificate> read_issuer(const fs::path& keystore, const char* certificate,
                                           const char* key) {
  auto certificate_text = read_file(keystore / certificate);
  if (!certificate_text) return dxl::fail(certificate_text.error());
  auto key_text = read_file(find_key(keystore, key));
  if (!key_text) return dxl::fail(key_text.error());
  return KeyAndCertificate{*std::move(certificate_text), *std::move(key_text)};
}

// With the CA's own certificate behind it, for peers that know only the root.
dxl::Result<FileSet> issue_broker(const KeyAndCertificate& issuer, const std::string& broker_id,
                                  const std::vector<std::string>& names) {
  auto made = issue_certificate(broker_request(broker_id, names), &issuer);
  if (!made) return dxl::fail(made.error());
  const auto chain = split(issuer.certificate_pem);
  return FileSet{{kBroker, made->certificate_pem + (chain.empty() ? "" : chain.front())},
                 {kBrokerKey, made->private_key_pem}};
}

std::string without(const std::string& pem, const std::vector<std::string>& dropped) {
  std::string rest;
  for (const std::string& block : split(pem))
    if (std::find(dropped.begin(), dropped.end(), block) == dropped.end()) rest += block;
  return rest;
}

dxl::Result<void> list_file(const fs::path& file, const std::vector<std::string>& roles,
                            std::vector<HeldCertificate>& held) {
  const auto text = read_file(file);
  if (!text) return dxl::fail(text.error());
  const auto facts = inspect_certificates(*text);
  if (!facts) return dxl::fail(named(file, facts.error()));
  for (std::size_t i = 0; i < std::min(roles.size(), facts->size()); ++i)
    held.push_back({roles[i], file, (*facts)[i]});
  return {};
}

}  // namespace

dxl::Result<std::vector<HeldCertificate>> list_certificates(const fs::path& keystore) {
  std::vector<HeldCertificate> held;
  std::vector<std::pair<const char*, std::vector<std::string>>> files{
      {kClientCa, {"client CA"}}, {kBrokerCa, {"broker CA"}}, {kBroker, {"broker"}}};
  if (is_rotating(keystore)) files.push_back({kOld, {"old client CA", "old broker CA"}});
  for (const auto& [name, roles] : files)
    if (auto listed = list_file(keystore / name, roles, held); !listed)
      return dxl::fail(listed.error());
  return held;
}

dxl::Result<void> check_keystore(const fs::path& keystore) {
  for (const auto& [certificate, key, may_be_elsewhere] :
       {std::tuple(kClientCa, kClientKey, true), std::tuple(kBrokerCa, kBrokerCaKey, true),
        std::tuple(kBroker, kBrokerKey, false)})
    if (auto checked = check_pair(keystore, certificate, key, may_be_elsewhere); !checked)
      return checked;
  const auto broker = read_file(keystore / kBroker), bundle = read_file(keystore / kBrokerCa);
  if (!broker) return dxl::fail(broker.error());
  if (!bundle) return dxl::fail(bundle.error());
  if (auto checked = check_chain(*broker, *bundle); !checked)
    return dxl::fail(named(keystore / kBroker, checked.error()));
  return {};
}

dxl::Result<void> renew_broker(const fs::path& keystore, const std::string& broker_id,
                               const std::vector<std::string>& names) {
  if (is_rotating(keystore))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     "a rotation of the CAs is under way; `tiara cert-authority rotate --finish` "
                     "ends it and renews the broker's certificate, too");
  const auto issuer = read_issuer(keystore, kBrokerCa, kBrokerCaKey);
  if (!issuer) return dxl::fail(issuer.error());
  const auto files = issue_broker(*issuer, broker_id, names);
  if (!files) return dxl::fail(files.error());
  return replace_files(keystore, *files);
}

bool is_rotating(const fs::path& keystore) { return is_there(keystore / kOld); }

dxl::Result<void> begin_rotation(const fs::path& keystore, const std::string& broker_id,
                                 std::int64_t serial) {
  if (is_rotating(keystore))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     "a rotation is under way already; give the clients new certificates, then "
                     "`tiara cert-authority rotate --finish` ends it");
  const auto old_client = read_file(keystore / kClientCa),
             old_broker = read_file(keystore / kBrokerCa);
  if (!old_client) return dxl::fail(old_client.error());
  if (!old_broker) return dxl::fail(old_broker.error());
  const auto client_blocks = split(*old_client), broker_blocks = split(*old_broker);
  if (client_blocks.empty() || broker_blocks.empty())
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{}: holds no certificate", (keystore / kClientCa).string()));
  const auto root =
      issue_certificate(client_ca_request(fmt::format("{}-{}", broker_id, serial)), nullptr);
  if (!root) return dxl::fail(root.error());
  const auto broker =
      issue_certificate(broker_ca_request(fmt::format("{}-{}", broker_id, serial)), &*root);
  if (!broker) return dxl::fail(broker.error());
  const std::string old = client_blocks.front() + broker_blocks.front();
  return replace_files(keystore,
                       {{kClientCa, root->certificate_pem + *old_client},
                        {kClientKey, root->private_key_pem},
                        {kBrokerCa, broker->certificate_pem + root->certificate_pem + *old_broker},
                        {kBrokerCaKey, broker->private_key_pem},
                        {kOld, old},
                        {kPolicyToAdd, old + root->certificate_pem + broker->certificate_pem}});
}

dxl::Result<void> finish_rotation(const fs::path& keystore, const std::string& broker_id,
                                  const std::vector<std::string>& names, const RevokeCas& revoke) {
  if (!is_rotating(keystore))
    return dxl::fail(ErrorCode::kInvalidArgument, "no rotation is under way");
  const auto old = read_file(keystore / kOld), clients = read_file(keystore / kClientCa);
  if (!old) return dxl::fail(old.error());
  if (!clients) return dxl::fail(clients.error());
  auto facts = inspect_certificates(*old);
  if (!facts) return dxl::fail(named(keystore / kOld, facts.error()));
  auto issuer = read_issuer(keystore, kBrokerCa, kBrokerCaKey);
  if (!issuer) return dxl::fail(issuer.error());
  const auto dropped = split(*old);
  auto files = issue_broker(*issuer, broker_id, names);
  if (!files) return dxl::fail(files.error());
  (*files)[kClientCa] = without(*clients, dropped);
  (*files)[kBrokerCa] = without(issuer->certificate_pem, dropped);
  (*files)[kOld] = std::nullopt;
  const auto new_clients = split(*(*files)[kClientCa]), new_brokers = split(*(*files)[kBrokerCa]);
  if (new_clients.empty() || new_brokers.empty())
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{}: holds no new CA", (keystore / kClientCa).string()));
  (*files)[kPolicyToRetire] = *old + new_clients.front() + new_brokers.front();
  if (auto done = stage_files(keystore, *files); !done) return done;
  if (auto done = revoke(*facts); !done) {
    discard_files(keystore);
    return done;
  }
  return commit_files(keystore);
}

}  // namespace tiara::broker
