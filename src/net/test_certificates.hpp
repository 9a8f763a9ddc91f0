// Certificates for tests: a CA of their own, made when the test starts.
#pragma once

#include <filesystem>
#include <string>

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
};

// Any problem aborts: there is no test without certificates.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name);
  ~TestCa();

  // What a peer needs that trusts this CA only and is known by it.
  TlsContext::Files issue(const std::string& common_name,
                          CertificateForm form = CertificateForm::kUsual);
  std::filesystem::path ca_file() const;
  std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::net
