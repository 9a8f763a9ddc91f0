// Certificates for tests: a CA of their own, made when the test starts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "net/tls.hpp"

namespace tiara::net {

// A folder that goes away with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

enum class CertificateForm {
  kUsual,     // version 3, RSA 2048, SHA-256
  kVersion1,  // no extensions at all, as the original console issues them
  kExpired,
  kNotYetValid,
};

// Any problem aborts: there is no test without certificates.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name);
  // An intermediate CA below `issuer`, which it must not outlive; what it issues carries the chain.
  TestCa(const std::string& common_name, const TestCa& issuer);
  ~TestCa();

  // What a peer needs that trusts this CA only and is known by it.
  TlsContext::Files issue(const std::string& common_name,
                          CertificateForm form = CertificateForm::kUsual);
  std::filesystem::path ca_file() const;  // of the root
  // A CRL that names the certificates in these files; one without certificates is fine.
  std::filesystem::path revoke(const std::vector<std::filesystem::path>& certificates,
                               bool is_expired = false);
  // This CA's own certificate.
  std::filesystem::path certificate() const;
  std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::net
