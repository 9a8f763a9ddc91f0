// Random histories of a store for tests: every member of a batch, few digests, so that records
// meet, contradict, merge and go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "reputation/test_records.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {

inline constexpr std::uint8_t kRandomDigests = 6;
inline constexpr std::uint8_t kRandomCertificates = 3;
inline constexpr int kRandomAgents = 5;

class RandomBatches {
 public:
  explicit RandomBatches(std::uint64_t seed) : random_(seed) {}

  // A batch as the service would make one from what `store` knows: each digest keeps belonging to
  // one record.
  Batch next(const ReputationStore& store, std::int64_t now) {
    Batch batch;
    change_a_file(store, now, batch);
    change_certificates(now, batch);
    for (std::uint8_t i = below(3); i != 0; --i)
      batch.references.push_back({.subject = any_subject(), .agent = agent(), .time = time(now)});
    if (chance(4)) batch.agents.push_back(agent());
    for (std::uint8_t i = below(3); i != 0; --i)
      batch.overrides.push_back({.certificate = certificate(),
                                 .file = file_key(),
                                 .changed = time(now),
                                 .present = !chance(4)});
    for (std::uint8_t i = below(3); i != 0; --i) batch.audit.push_back(audit_entry(now));
    for (std::uint8_t i = below(3); i != 0; --i) {
      batch.updates.push_back(
          {.time = time(now), .change_id = ++change_id_, .subject = any_subject()});
      batch.change_id = change_id_;
    }
    return batch;
  }

  std::uint8_t below(unsigned limit) { return static_cast<std::uint8_t>(random_() % limit); }
  bool chance(unsigned one_in) { return below(one_in) == 0; }

 private:
  std::int64_t time(std::int64_t now) { return now - below(20); }
  tie::Sha1 certificate() {
    return reputation::digest<tie::Sha1>(static_cast<std::uint8_t>(1 + below(kRandomCertificates)));
  }
  std::string agent() {
    return (chance(2) ? "agent " : "AGENT ") + std::to_string(below(kRandomAgents));
  }
  tie::FileHashes digests() {
    tie::FileHashes result;
    const auto pick = [&] {
      return static_cast<std::uint8_t>(below(2) * (1 + below(kRandomDigests)));
    };
    while (result.empty()) {
      const std::uint8_t md5 = pick();
      const std::uint8_t sha1 = pick();
      result = reputation::hashes(md5, sha1, pick());
    }
    return result;
  }
  reputation::DigestKey file_key() { return reputation::strongest_key(digests()); }
  reputation::DigestKey any_subject() {
    return chance(4) ? reputation::DigestKey::of_certificate(certificate()) : file_key();
  }
  std::vector<reputation::ProviderEntry> entries(std::int64_t now) {
    constexpr tie::TrustLevel kLevels[] = {tie::TrustLevel::kNotSet, tie::TrustLevel::kUnknown,
                                           tie::TrustLevel::kKnownMalicious,
                                           tie::TrustLevel::kKnownTrusted};
    std::vector<reputation::ProviderEntry> result;
    if (!chance(4))
      result.push_back(
          reputation::entry(tie::Provider::kEnterprise, kLevels[below(4)], now, "why"));
    if (chance(3)) {
      result.push_back(reputation::entry(tie::Provider::kAtd, kLevels[below(4)], now));
      result.back().attributes = {{"4194962", "7"}};
    }
    return result;
  }
  AuditEntry audit_entry(std::int64_t now) {
    AuditEntry entry{.kind = AuditKind{static_cast<std::uint8_t>(1 + below(7))}, .time = now};
    entry.is_certificate = chance(4);
    entry.hashes = digests();
    if (entry.is_certificate) entry.hashes = {.md5 = {}, .sha1 = certificate(), .sha256 = {}};
    entry.new_level = tie::TrustLevel::kKnownTrusted;
    entry.comment = chance(2) ? "because" : "";
    if (chance(2)) entry.actor = {.certificate = "ab", .name = "name", .client_id = "{id}"};
    return entry;
  }

  // The record of these digests and all that are known to belong to them.
  static reputation::FileRecord merged(const tie::FileHashes& supplied,
                                       const std::vector<reputation::FileRecord>& found,
                                       std::vector<const reputation::FileRecord*>& former) {
    reputation::FileRecord record;
    for (const reputation::FileRecord& candidate : found) {
      if (differ(record.hashes, candidate.hashes)) continue;
      fill(record.hashes, candidate.hashes);
      for (const std::string& name : candidate.names)
        if (std::find(record.names.begin(), record.names.end(), name) == record.names.end())
          record.names.push_back(name);
      former.push_back(&candidate);
    }
    tie::FileHashes unclaimed = supplied;
    for (const reputation::FileRecord& candidate : found) {
      if (unclaimed.md5 == candidate.hashes.md5) unclaimed.md5.reset();
      if (unclaimed.sha1 == candidate.hashes.sha1) unclaimed.sha1.reset();
      if (unclaimed.sha256 == candidate.hashes.sha256) unclaimed.sha256.reset();
    }
    fill(record.hashes, unclaimed);
    return record;
  }
  static bool differ(const tie::FileHashes& left, const tie::FileHashes& right) {
    return (left.md5 && right.md5 && left.md5 != right.md5) ||
           (left.sha1 && right.sha1 && left.sha1 != right.sha1) ||
           (left.sha256 && right.sha256 && left.sha256 != right.sha256);
  }
  static void fill(tie::FileHashes& into, const tie::FileHashes& from) {
    if (!into.md5) into.md5 = from.md5;
    if (!into.sha1) into.sha1 = from.sha1;
    if (!into.sha256) into.sha256 = from.sha256;
  }

  void change_a_file(const ReputationStore& store, std::int64_t now, Batch& batch) {
    const tie::FileHashes supplied = digests();
    const std::vector<reputation::FileRecord> found = store.find(supplied).value();
    if (chance(6)) {
      if (!found.empty()) batch.remove = {found[0]};
      return;
    }
    std::vector<const reputation::FileRecord*> former;
    reputation::FileRecord record = merged(supplied, found, former);
    for (const reputation::FileRecord* one : former)
      if (one->reference_count != 0 || chance(2))
        batch.moves.push_back({.from = one->hashes, .to = record.hashes});
    if (chance(10)) batch.moves.push_back({.from = digests(), .to = digests()});
    record.entries = entries(now);
    record.created = now;
    record.reference_count = below(3);
    record.prevalent = chance(2);
    if (chance(2) && record.names.size() < 5)
      record.names.push_back("Name " + std::to_string(below(50)) + ".EXE");
    if (chance(2)) record.signer = tie::Certificate{.sha1 = certificate()};
    if (chance(3)) {
      record.details.described = true;
      record.details.paths = {"C:\\"};
      record.details.size = below(9);
      record.details.local.add(50);
    }
    batch.put = {record};
  }

  void change_certificates(std::int64_t now, Batch& batch) {
    if (chance(8)) batch.remove_certificates.push_back(certificate());
    if (!chance(3)) return;
    reputation::CertRecord record;
    record.certificate.sha1 = certificate();
    if (chance(2)) record.certificate.public_key_sha1 = certificate();
    if (chance(2))
      record.entries = {
          reputation::entry(tie::Provider::kCertEnterprise, tie::TrustLevel::kKnownTrusted, now)};
    if (chance(2)) record.details.subject_name = "CN=somebody";
    record.created = now;
    batch.put_certificates.push_back(record);
  }

  std::mt19937_64 random_;
  std::uint64_t change_id_ = 0;
};

}  // namespace tiara::store
