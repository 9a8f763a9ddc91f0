// For tests: a memory store of which a test overrides what it wants to see or disturb.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/reputation_store.hpp"

namespace tiara::service {

class ForwardingStore : public store::ReputationStore {
 public:
  dxl::Result<std::vector<reputation::FileRecord>> find(
      const tie::FileHashes& hashes) const override {
    return inner_->find(hashes);
  }
  dxl::Result<std::optional<reputation::CertRecord>> find_certificate(
      const tie::Sha1& sha1) const override {
    return inner_->find_certificate(sha1);
  }
  dxl::Result<bool> has_reference(const reputation::DigestKey& subject,
                                  std::string_view agent) const override {
    return inner_->has_reference(subject, agent);
  }
  dxl::Result<std::uint64_t> count_references(
      const std::vector<reputation::DigestKey>& subjects) const override {
    return inner_->count_references(subjects);
  }
  dxl::Result<store::ReferenceList> references(const std::vector<reputation::DigestKey>& subjects,
                                               std::size_t limit) const override {
    return inner_->references(subjects, limit);
  }
  dxl::Result<tie::OverriddenFiles> overridden(const tie::Sha1& certificate,
                                               std::size_t limit) const override {
    return inner_->overridden(certificate, limit);
  }
  dxl::Result<void> read_updates(
      std::int64_t since,
      const std::function<bool(const store::Batch::Update&)>& visit) const override {
    return inner_->read_updates(since, visit);
  }
  dxl::Result<std::vector<store::NumberedAuditEntry>> history(
      const std::vector<reputation::DigestKey>& digests, std::size_t limit) const override {
    return inner_->history(digests, limit);
  }
  dxl::Result<void> read_audit(
      std::uint64_t first,
      const std::function<bool(const store::NumberedAuditEntry&)>& visit) const override {
    return inner_->read_audit(first, visit);
  }
  store::AuditHead audit_head() const override { return inner_->audit_head(); }
  dxl::Result<void> scan_files(
      const std::optional<reputation::DigestKey>& after,
      const std::function<bool(const reputation::FileRecord&)>& visit) const override {
    return inner_->scan_files(after, visit);
  }
  dxl::Result<void> scan_certificates(
      const std::optional<tie::Sha1>& after,
      const std::function<bool(const reputation::CertRecord&)>& visit) const override {
    return inner_->scan_certificates(after, visit);
  }
  dxl::Result<NamesFound> search_names(std::string_view text, std::size_t rows,
                                       std::size_t most_visited) const override {
    return inner_->search_names(text, rows, most_visited);
  }
  std::uint64_t enterprise_size() const override { return inner_->enterprise_size(); }
  std::uint64_t last_change_id() const override { return inner_->last_change_id(); }
  const std::string& id() const override { return inner_->id(); }
  dxl::Result<void> commit(const store::Batch& batch, store::Durability durability) override {
    return inner_->commit(batch, durability);
  }
  dxl::Result<void> back_up(const std::filesystem::path& directory) override {
    return inner_->back_up(directory);
  }

 private:
  std::unique_ptr<store::ReputationStore> inner_ = store::make_memory_store();
};

}  // namespace tiara::service
