// Keys and certificates of a fabric: the CAs, the broker's and the service's own, and one for each
// client (DXL reference §6.2, §7.2). RSA-2048, PKCS#8 keys (Java reads nothing else), SHA-256
// signatures.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "broker/certificate.hpp"
#include "broker/signing_request.hpp"
#include "dxl/result.hpp"
#include "fabric/identity.hpp"

namespace tiara::broker {

struct IssuedCertificate {
  std::string certificate_pem;
  std::string private_key_pem;
  fabric::Thumbprints thumbprints;
};

class Keystore {
 public:
  // Creates what is missing in `directory` (0700, files 0600): ca-client.crt/.key (self-signed
  // client CA), ca-broker.crt (broker CA, then client CA) with its key, broker.crt/.key. A new
  // broker.crt carries `broker_names`, host names and addresses; one that is there stays. A key
  // that is not there may have been handed over (broker/credential_files.hpp).
  static dxl::Result<Keystore> create_or_open(const std::filesystem::path& directory,
                                              const std::string& broker_id,
                                              const std::vector<std::string>& broker_names = {});
  static dxl::Result<Keystore> open(const std::filesystem::path& directory);

  // A certificate for a client, signed by the client CA. `common_name` must be 1 to 64 characters
  // without control characters.
  dxl::Result<IssuedCertificate> issue_client(const std::string& common_name) const;

  // The same for a client that made its key itself; `private_key_pem` stays empty.
  dxl::Result<IssuedCertificate> sign_client(const SigningRequest& request) const;

  std::filesystem::path broker_certificate() const;
  std::filesystem::path broker_key() const;
  std::filesystem::path client_ca() const;         // verifies clients at the listener
  std::filesystem::path broker_ca_bundle() const;  // given to clients as brokercerts.crt

 private:
  std::filesystem::path directory_;
};

// What the CAs and the broker's own certificate are asked for as; `name` is the broker's id, or one
// of a later generation.
CertificateRequest client_ca_request(const std::string& name);
CertificateRequest broker_ca_request(const std::string& name);
CertificateRequest broker_request(const std::string& name,
                                  const std::vector<std::string>& host_names);

// Thumbprints and subject of the leaf in a PEM file.
struct CertificateInfo {
  fabric::Thumbprints thumbprints;
  std::string subject;
};
dxl::Result<CertificateInfo> read_certificate(const std::filesystem::path& pem);

}  // namespace tiara::broker
