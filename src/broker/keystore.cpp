#include "broker/keystore.hpp"

#include <utility>

#include "broker/authority.hpp"
#include "broker/credential_files.hpp"
#include "broker/state_directory.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;

// DXL clients cannot renew a certificate by themselves, and an expired one looks like an outage:
// leaves live ten years, as those of the original broker; access is taken away by policy, not by
// expiry. CAs live twenty, so that a leaf issued in the first decade is not cut short.
constexpr std::chrono::hours kYear{365 * 24};
constexpr std::chrono::hours kCaLifetime = 20 * kYear;
constexpr std::chrono::hours kLeafLifetime = 10 * kYear;
// The broker's own certificate can be renewed at start: no client pins it, they trust its CA.
constexpr std::chrono::hours kRenewBefore = kYear;

struct PairFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

PairFiles client_ca_files(const std::filesystem::path& directory) {
  return {directory / "ca-client.crt", find_key(directory, "ca-client.key")};
}
PairFiles broker_ca_files(const std::filesystem::path& directory) {
  return {directory / "ca-broker.crt", find_key(directory, "ca-broker.key")};
}
PairFiles broker_files(const std::filesystem::path& directory) {
  return {directory / "broker.crt", find_key(directory, "broker.key")};
}

dxl::Result<KeyAndCertificate> read_pair(const PairFiles& files) {
  auto certificate = read_file(files.certificate);
  if (!certificate) return dxl::fail(certificate.error());
  auto key = read_file(files.key);
  if (!key) return dxl::fail(key.error());
  return KeyAndCertificate{std::move(*certificate), std::move(*key)};
}

// The certificate comes last: a pair is complete when it exists, also after a crash in between.
dxl::Result<void> write_pair(const PairFiles& files, const KeyAndCertificate& pair,
                             const std::string& chain) {
  // Beside its certificate, also when the one before it was handed over.
  const auto key = files.certificate.parent_path() / files.key.filename();
  if (auto written = write_file_atomically(key, pair.private_key_pem); !written) return written;
  return write_file_atomically(files.certificate, pair.certificate_pem + chain);
}

dxl::Result<void> ensure_pair(const PairFiles& files, const CertificateRequest& request,
                              const PairFiles* issuer_files, const std::string& chain) {
  if (is_there(files.certificate)) return {};
  dxl::Result<KeyAndCertificate> issuer{KeyAndCertificate{}};
  if (issuer_files) issuer = read_pair(*issuer_files);
  if (!issuer) return dxl::fail(issuer.error());
  const auto pair = issue_certificate(request, issuer_files ? &*issuer : nullptr);
  if (!pair) return dxl::fail(pair.error());
  return write_pair(files, *pair, chain);
}

// The broker CA out of its bundle: it travels with the broker's leaf, so that a peer that knows
// only the root can verify it.
std::string first_certificate(const std::string& pem) {
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  const std::size_t end = pem.find(kEnd);
  return end == std::string::npos ? std::string() : pem.substr(0, end + kEnd.size()) + "\n";
}

bool expires_soon(const std::filesystem::path& certificate) {
  const auto text = read_file(certificate);
  if (!text) return false;
  const auto facts = inspect_certificate(*text);
  return facts && facts->expires < std::chrono::system_clock::now() + kRenewBefore;
}

}  // namespace

CertificateRequest client_ca_request(const std::string& name) {
  return {"TiaraClientCA-" + name, CertificateKind::kRootCa, kCaLifetime};
}
CertificateRequest broker_ca_request(const std::string& name) {
  return {"TiaraBrokerCA-" + name, CertificateKind::kIntermediateCa, kCaLifetime};
}
CertificateRequest broker_request(const std::string& name,
                                  const std::vector<std::string>& host_names) {
  return {"TiaraBroker-" + name, CertificateKind::kBroker, kLeafLifetime, host_names};
}

dxl::Result<Keystore> Keystore::create_or_open(const std::filesystem::path& directory,
                                               const std::string& broker_id,
                                               const std::vector<std::string>& broker_names) {
  if (auto made = make_private_directory(directory); !made) return dxl::fail(made.error());
  const PairFiles client_ca = client_ca_files(directory);
  const PairFiles broker_ca = broker_ca_files(directory);
  const PairFiles broker = broker_files(directory);

  if (auto done = ensure_pair(client_ca, client_ca_request(broker_id), nullptr, ""); !done)
    return dxl::fail(done.error());
  const auto root = read_file(client_ca.certificate);
  if (!root) return dxl::fail(root.error());
  if (auto done = ensure_pair(broker_ca, broker_ca_request(broker_id), &client_ca, *root); !done)
    return dxl::fail(done.error());
  const auto bundle = read_file(broker_ca.certificate);
  if (!bundle) return dxl::fail(bundle.error());
  // A renewal needs the CA's key; without it (kept elsewhere) the old certificate serves on. While
  // the CAs are being replaced, it must stay one that old clients can verify.
  if (expires_soon(broker.certificate) && is_there(broker_ca.key) && !is_rotating(directory)) {
    std::error_code ignored;
    std::filesystem::remove(broker.certificate, ignored);
  }
  if (auto done = ensure_pair(broker, broker_request(broker_id, broker_names), &broker_ca,
                              first_certificate(*bundle));
      !done)
    return dxl::fail(done.error());
  return open(directory);
}

dxl::Result<Keystore> Keystore::open(const std::filesystem::path& directory) {
  Keystore keystore;
  keystore.directory_ = directory;
  for (const auto& file : {keystore.client_ca(), keystore.broker_ca_bundle(),
                           keystore.broker_certificate(), keystore.broker_key()})
    if (!is_there(file))
      return dxl::fail(ErrorCode::kStorage, file.string() + ": is missing from the keystore");
  return keystore;
}

dxl::Result<IssuedCertificate> Keystore::issue_client(const std::string& common_name) const {
  const auto issuer = read_pair(client_ca_files(directory_));
  if (!issuer) return dxl::fail(issuer.error());
  auto pair = issue_certificate({common_name, CertificateKind::kClient, kLeafLifetime}, &*issuer);
  if (!pair) return dxl::fail(pair.error());
  auto facts = inspect_certificate(pair->certificate_pem);
  if (!facts) return dxl::fail(facts.error());
  return IssuedCertificate{std::move(pair->certificate_pem), std::move(pair->private_key_pem),
                           std::move(facts->thumbprints)};
}

dxl::Result<IssuedCertificate> Keystore::sign_client(const SigningRequest& request) const {
  const auto issuer = read_pair(client_ca_files(directory_));
  if (!issuer) return dxl::fail(issuer.error());
  auto pem = sign_client_certificate(request, kLeafLifetime, *issuer);
  if (!pem) return dxl::fail(std::move(pem).error());
  auto facts = inspect_certificate(*pem);
  if (!facts) return dxl::fail(std::move(facts).error());
  return IssuedCertificate{*std::move(pem), {}, std::move(facts->thumbprints)};
}

std::filesystem::path Keystore::broker_certificate() const {
  return broker_files(directory_).certificate;
}
std::filesystem::path Keystore::broker_key() const { return broker_files(directory_).key; }
std::filesystem::path Keystore::client_ca() const {
  return client_ca_files(directory_).certificate;
}
std::filesystem::path Keystore::broker_ca_bundle() const {
  return broker_ca_files(directory_).certificate;
}

dxl::Result<CertificateInfo> read_certificate(const std::filesystem::path& pem) {
  const auto text = read_file(pem);
  if (!text) return dxl::fail(text.error());
  auto facts = inspect_certificate(*text);
  if (!facts) return dxl::fail(facts.error().code, pem.string() + ": " + facts.error().message);
  return CertificateInfo{std::move(facts->thumbprints), std::move(facts->subject)};
}

}  // namespace tiara::broker
