// Short digests and records for tests: one byte stands for a whole digest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reputation/engine.hpp"

namespace tiara::reputation {

template <class D>
D digest(std::uint8_t byte) {
  D result;
  result.bytes.fill(byte);
  return result;
}

// 0 leaves a type out.
inline tie::FileHashes hashes(std::uint8_t md5, std::uint8_t sha1, std::uint8_t sha256) {
  tie::FileHashes result;
  if (md5 != 0) result.md5 = digest<tie::Md5>(md5);
  if (sha1 != 0) result.sha1 = digest<tie::Sha1>(sha1);
  if (sha256 != 0) result.sha256 = digest<tie::Sha256>(sha256);
  return result;
}

inline constexpr std::int64_t kCreated = 1'700'000'000;
inline constexpr std::int64_t kNow = kCreated + 1'000;

inline FileRecord record(const tie::FileHashes& digests, std::vector<ProviderEntry> entries = {}) {
  FileRecord result;
  result.hashes = digests;
  result.entries = std::move(entries);
  result.created = kCreated;
  result.first_contact = kCreated;
  touch(result.last_used, kCreated);
  return result;
}

inline ProviderEntry entry(tie::Provider provider, tie::TrustLevel level,
                           std::int64_t create_date = kCreated, std::string comment = "") {
  return ProviderEntry{.provider = provider,
                       .trust_level = level,
                       .create_date = create_date,
                       .comment = std::move(comment)};
}

inline tie::Certificate certificate(std::uint8_t sha1, std::uint8_t key = 0) {
  tie::Certificate result{.sha1 = digest<tie::Sha1>(sha1)};
  if (key != 0) result.public_key_sha1 = digest<tie::Sha1>(key);
  return result;
}

inline CertRecord cert_record(const tie::Certificate& certificate,
                              std::vector<ProviderEntry> entries = {}) {
  CertRecord result;
  result.certificate = certificate;
  result.entries = std::move(entries);
  result.created = kCreated;
  result.first_contact = kCreated;
  touch(result.last_used, kCreated);
  return result;
}

inline Known known(std::vector<const FileRecord*> records) {
  return Known{.records = std::move(records), .joined_references = std::nullopt};
}

}  // namespace tiara::reputation
