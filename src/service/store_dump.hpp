// For tests: everything a store says, as one value that can be compared.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "store/reputation_store.hpp"

namespace tiara::service {

struct StoreDump {
  std::vector<reputation::FileRecord> files;
  std::vector<reputation::CertRecord> certificates;
  // Subject by subject in the order of the records above.
  std::vector<std::vector<tie::FirstReference>> references;
  std::vector<tie::OverriddenFiles> overridden;
  std::vector<std::tuple<std::int64_t, std::uint64_t, reputation::DigestKey>> updates;
  store::AuditHead audit;  // with the hash over every entry
  std::uint64_t enterprise_size = 0;
  std::uint64_t change_id = 0;
  friend bool operator==(const StoreDump&, const StoreDump&) = default;
};

inline StoreDump dump(const store::ReputationStore& store) {
  StoreDump all;
  const auto add_references = [&](const reputation::DigestKey& subject) {
    all.references.push_back(store.references({subject}, 1'000)->first);
  };
  EXPECT_TRUE(store.scan_files(std::nullopt, [&](const reputation::FileRecord& record) {
    all.files.push_back(record);
    return true;
  }));
  EXPECT_TRUE(store.scan_certificates(std::nullopt, [&](const reputation::CertRecord& record) {
    all.certificates.push_back(record);
    return true;
  }));
  for (const reputation::FileRecord& record : all.files)
    add_references(reputation::strongest_key(record.hashes));
  for (const reputation::CertRecord& record : all.certificates) {
    add_references(reputation::DigestKey::of_certificate(record.certificate.sha1));
    all.overridden.push_back(*store.overridden(record.certificate.sha1, 1'000));
  }
  EXPECT_TRUE(store.read_updates(0, [&](const store::Batch::Update& update) {
    all.updates.emplace_back(update.time, update.change_id, update.subject);
    return true;
  }));
  all.audit = store.audit_head();
  all.enterprise_size = store.enterprise_size();
  all.change_id = store.last_change_id();
  return all;
}

}  // namespace tiara::service
