// A batch as the writes of one atomic group. Puts, updates and audit entries are written blindly;
// what has to be read first goes through an overlay that knows what the batch did before.
#include <map>
#include <set>

#include <fmt/format.h>

#include "store/audit_codec.hpp"
#include "store/record_codec.hpp"
#include "store/rocks_keys.hpp"
#include "store/rocks_store.hpp"
#include "store/rocks_values.hpp"

namespace tiara::store {
namespace {

using reputation::CertRecord;
using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::FileRecord;
using reputation::strongest_key;

// Keys that a later part of the same batch may read back.
class Overlay {
 public:
  Overlay(const Database& database, Writes& out) : database_(database), out_(out) {}

  void put(std::string key, std::string value) {
    out_.put(key, value);
    changed_.insert_or_assign(std::move(key), std::move(value));
  }
  void remove(std::string key) {
    out_.remove(key);
    changed_.insert_or_assign(std::move(key), std::nullopt);
  }
  dxl::Result<bool> contains(const std::string& key) const {
    if (const auto at = changed_.find(key); at != changed_.end()) return at->second.has_value();
    return database_.contains(key);
  }
  dxl::Result<std::optional<std::string>> get(const std::string& key) const {
    if (const auto at = changed_.find(key); at != changed_.end()) return at->second;
    std::string value;
    const dxl::Result<bool> there = database_.get(key, value);
    if (!there) return dxl::fail(there.error());
    return *there ? std::optional(std::move(value)) : std::nullopt;
  }
  // What is behind the prefix, with the value.
  dxl::Result<std::map<std::string, std::string>> list(const std::string& prefix) const {
    std::map<std::string, std::string> found;
    Cursor at(database_, prefix);
    for (; at.valid(); at.next()) found.emplace(at.behind(), at.value());
    if (dxl::Result<void> read = at.status(); !read) return dxl::fail(read.error());
    for (auto change = changed_.lower_bound(prefix);
         change != changed_.end() && change->first.starts_with(prefix); ++change) {
      const std::string behind = change->first.substr(prefix.size());
      if (change->second)
        found.insert_or_assign(behind, *change->second);
      else
        found.erase(behind);
    }
    return found;
  }

 private:
  const Database& database_;
  Writes& out_;
  std::map<std::string, std::optional<std::string>> changed_;
};

class BatchWriter {
 public:
  BatchWriter(const Database& database, std::uint64_t agents, const AuditHead& audit)
      : database_(database), overlay_(database, result_.writes) {
    result_.agents = agents;
    result_.audit = audit;
  }

  dxl::Result<void> add(const Batch& batch);
  Prepared take() { return std::move(result_); }

 private:
  dxl::Result<void> move(const Batch::Move& move);
  dxl::Result<void> remove(const FileRecord& record);
  dxl::Result<void> remove_references(const DigestKey& subject);
  dxl::Result<void> remove_override(const DigestKey& file);
  void put(const CertRecord& record);
  dxl::Result<void> refer(const Batch::Reference& reference);
  dxl::Result<void> count_agent(const std::string& agent);
  dxl::Result<void> change_override(const Batch::SignedOverride& change);
  dxl::Result<void> log(const AuditEntry& entry);

  template <class List, class Step>
  static dxl::Result<void> for_all(const List& list, Step&& step) {
    for (const auto& item : list)
      if (dxl::Result<void> done = step(item); !done) return done;
    return {};
  }

  const Database& database_;
  Prepared result_;
  Overlay overlay_;
};

dxl::Result<void> BatchWriter::add(const Batch& batch) {
  const std::uint64_t agents = result_.agents;
  const std::uint64_t logged = result_.audit.count;
  dxl::Result<void> done = for_all(batch.moves, [&](const auto& item) { return move(item); });
  if (done) done = for_all(batch.remove, [&](const auto& item) { return remove(item); });
  if (done)
    done = for_all(batch.remove_certificates, [&](const tie::Sha1& sha1) {
      const DigestKey key = DigestKey::of_certificate(sha1);
      result_.writes.remove(digest_key(key));
      return remove_references(key);
    });
  if (!done) return done;
  for (const FileRecord& record : batch.put) put_record(record, result_.writes);
  for (const CertRecord& record : batch.put_certificates) put(record);
  done = for_all(batch.references, [&](const auto& item) { return refer(item); });
  if (done) done = for_all(batch.agents, [&](const auto& item) { return count_agent(item); });
  if (done)
    done = for_all(batch.overrides, [&](const auto& item) { return change_override(item); });
  if (done) done = for_all(batch.audit, [&](const auto& item) { return log(item); });
  if (!done) return done;
  for (const Batch::Update& update : batch.updates)
    result_.writes.put(update_key(update.time, update.change_id), update.subject.view());
  if (result_.agents != agents) result_.writes.put(kAgentsKey, varint_value(result_.agents));
  if (result_.audit.count != logged) result_.writes.put(kAuditKey, head_value(result_.audit));
  if (batch.change_id) result_.writes.put(kChangeKey, varint_value(*batch.change_id));
  return {};
}

dxl::Result<void> BatchWriter::move(const Batch::Move& move) {
  const DigestKey from = strongest_key(move.from);
  const DigestKey to = strongest_key(move.to);
  if (from == to) return {};
  result_.writes.remove(names_key(from));
  const dxl::Result<std::map<std::string, std::string>> moved =
      overlay_.list(reference_prefix(from));
  if (!moved) return dxl::fail(moved.error());
  for (const auto& [agent, value] : *moved) {
    std::string target = reference_prefix(to).append(agent);
    const dxl::Result<std::optional<std::string>> own = overlay_.get(target);
    if (!own) return dxl::fail(own.error());
    const auto coming = parse_reference(value);
    const auto there = *own ? parse_reference(**own) : coming;
    if (!coming || !there) return database_.fail("reference with a damaged value");
    overlay_.remove(reference_prefix(from).append(agent));
    if (!*own || coming->time < there->time) overlay_.put(std::move(target), value);
  }
  return {};
}

dxl::Result<void> BatchWriter::remove(const FileRecord& record) {
  const DigestKeys keys(record.hashes);
  for (const DigestKey& key : keys) {
    result_.writes.remove(digest_key(key));
    result_.writes.remove(names_key(key));
    if (dxl::Result<void> removed = remove_override(key); !removed) return removed;
  }
  return remove_references(keys[0]);
}

dxl::Result<void> BatchWriter::remove_references(const DigestKey& subject) {
  const std::string prefix = reference_prefix(subject);
  const dxl::Result<std::map<std::string, std::string>> found = overlay_.list(prefix);
  if (!found) return dxl::fail(found.error());
  for (const auto& [agent, value] : *found) overlay_.remove(prefix + agent);
  return {};
}

dxl::Result<void> BatchWriter::remove_override(const DigestKey& file) {
  const std::string key = override_key(file);
  const dxl::Result<std::optional<std::string>> value = overlay_.get(key);
  if (!value) return dxl::fail(value.error());
  if (!*value) return {};
  const std::optional<StoredOverride> stored = parse_override(**value);
  if (!stored) return database_.fail("override with a damaged value");
  overlay_.remove(key);
  result_.writes.remove(override_order_key(stored->certificate, stored->changed, file));
  return {};
}

void BatchWriter::put(const CertRecord& record) {
  std::string value(1, kCertRecordTag);
  append_record(record, value);
  result_.writes.put(digest_key(DigestKey::of_certificate(record.certificate.sha1)), value);
}

dxl::Result<void> BatchWriter::refer(const Batch::Reference& reference) {
  std::string key = reference_key(reference.subject, reference.agent);
  const dxl::Result<bool> there = overlay_.contains(key);
  if (!there) return dxl::fail(there.error());
  if (!*there) overlay_.put(std::move(key), reference_value(reference.time, reference.agent));
  return count_agent(reference.agent);
}

dxl::Result<void> BatchWriter::count_agent(const std::string& agent) {
  std::string key = agent_seen_key(agent);
  const dxl::Result<bool> there = overlay_.contains(key);
  if (!there) return dxl::fail(there.error());
  if (*there) return {};
  overlay_.put(std::move(key), {});
  ++result_.agents;
  return {};
}

dxl::Result<void> BatchWriter::change_override(const Batch::SignedOverride& change) {
  if (dxl::Result<void> removed = remove_override(change.file); !removed || !change.present)
    return removed;
  const StoredOverride stored{.certificate = change.certificate, .changed = change.changed};
  overlay_.put(override_key(change.file), override_value(stored));
  result_.writes.put(override_order_key(change.certificate, change.changed, change.file), {});
  return {};
}

dxl::Result<void> BatchWriter::log(const AuditEntry& entry) {
  std::string encoded;
  append_audit_entry(entry, encoded);
  const dxl::Result<AuditHash> hash = chain_hash(result_.audit.hash, encoded);
  if (!hash) return dxl::fail(hash.error());
  result_.audit.hash = *hash;
  const std::uint64_t number = ++result_.audit.count;
  std::string value(reinterpret_cast<const char*>(hash->data()), hash->size());
  result_.writes.put(log_key(number), value.append(encoded));
  for (const DigestKey& digest : digests_of(entry))
    result_.writes.put(history_key(digest, number), {});
  return {};
}

}  // namespace

void put_record(const FileRecord& record, Writes& out) {
  const DigestKeys keys(record.hashes);
  std::string value(1, kRecordTag);
  append_record(record, value);
  out.put(digest_key(keys[0]), value);
  value.assign(1, kPointerTag).append(keys[0].view());
  for (std::size_t i = 1; i < keys.size(); ++i) out.put(digest_key(keys[i]), value);
  // Names are never taken from a record, so a record without them has no entry to remove.
  if (!record.names.empty()) out.put(names_key(keys[0]), names_value(record.names));
}

dxl::Result<Prepared> prepare(const Database& database, const Batch& batch, std::uint64_t agents,
                              const AuditHead& audit) {
  BatchWriter writer(database, agents, audit);
  if (dxl::Result<void> added = writer.add(batch); !added) return dxl::fail(added.error());
  return writer.take();
}

}  // namespace tiara::store
