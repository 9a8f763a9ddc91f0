// Questions about single subjects, answered from the database.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "store/answers.hpp"
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
using reputation::DigestType;
using reputation::FileRecord;

// Pointer, and one more for each stronger digest that is learned while we read.
constexpr int kMaxHops = 4;

dxl::Result<DigestKey> parse_pointer(const Database& database, std::string_view bytes,
                                     const DigestKey& from) {
  const std::optional<DigestKey> next = take_digest_key(bytes);
  if (!next || !bytes.empty() || next->type() <= from.type() || next->type() > DigestType::kSha256)
    return database.fail("pointer that does not lead to a stronger digest");
  return *next;
}

dxl::Result<std::vector<FileRecord>> find_files(const Database& database,
                                                const tie::FileHashes& hashes, const Snapshot* at) {
  std::vector<FileRecord> found;
  for (const DigestKey& key : DigestKeys(hashes)) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const FileRecord& record) {
      return has_digest(record.hashes, key);
    });
    if (known) continue;
    dxl::Result<std::optional<FileRecord>> record = read_file(database, key, at);
    if (!record) return dxl::fail(record.error());
    if (*record) found.push_back(**std::move(record));
  }
  return found;
}

// Calls f(agent key, value) for each reference of each subject.
template <class F>
dxl::Result<void> for_each_reference(const Database& database,
                                     const std::vector<DigestKey>& subjects, F&& f) {
  const Snapshot now(database);
  for (const DigestKey& subject : subjects) {
    Cursor at(database, reference_prefix(subject), &now);
    for (; at.valid(); at.next())
      if (dxl::Result<void> done = f(at.behind(), at.value()); !done) return done;
    if (dxl::Result<void> read = at.status(); !read) return read;
  }
  return {};
}

}  // namespace

dxl::Result<std::optional<FileRecord>> read_file(const Database& database, DigestKey key,
                                                 const Snapshot* at) {
  thread_local std::string text, value;  // kept for their memory
  for (int hop = 0; hop < kMaxHops; ++hop) {
    text.clear();
    append_digest_key(key, text);
    const dxl::Result<bool> there = database.get(text, value, at);
    if (!there) return dxl::fail(there.error());
    if (!*there) {
      if (hop != 0) return database.fail("pointer to a record that is not there");
      return std::optional<FileRecord>{};
    }
    const std::string_view bytes = value;
    const char tag = bytes.empty() ? '\0' : bytes.front();
    if (tag == kRecordTag) {
      dxl::Result<FileRecord> record = decode_record(bytes.substr(1));
      if (!record) return database.fail(record.error().message);
      return std::optional<FileRecord>(*std::move(record));
    }
    if (tag != kPointerTag) return database.fail("digest with a damaged value");
    const dxl::Result<DigestKey> next = parse_pointer(database, bytes.substr(1), key);
    if (!next) return dxl::fail(next.error());
    key = *next;
  }
  return database.fail("chain of pointers");
}

dxl::Result<std::vector<FileRecord>> RocksStore::find(const tie::FileHashes& hashes) const {
  dxl::Result<std::vector<FileRecord>> found = find_files(*database_, hashes, nullptr);
  if (!found || found->size() < 2) return found;
  // Two records may be one that was re-keyed or merged between the reads: look at one moment.
  const Snapshot at_once(*database_);
  return find_files(*database_, hashes, &at_once);
}

dxl::Result<std::optional<CertRecord>> RocksStore::find_certificate(const tie::Sha1& sha1) const {
  std::string value;
  const dxl::Result<bool> there =
      database_->get(digest_key(DigestKey::of_certificate(sha1)), value);
  if (!there) return dxl::fail(there.error());
  if (!*there) return std::optional<CertRecord>{};
  if (value.empty() || value.front() != kCertRecordTag)
    return database_->fail("certificate with a damaged value");
  dxl::Result<CertRecord> record = decode_cert_record(std::string_view(value).substr(1));
  if (!record) return database_->fail(record.error().message);
  return std::optional<CertRecord>(*std::move(record));
}

dxl::Result<bool> RocksStore::has_reference(const DigestKey& subject,
                                            std::string_view agent) const {
  return database_->contains(reference_key(subject, agent));
}

dxl::Result<std::uint64_t> RocksStore::count_references(
    const std::vector<DigestKey>& subjects) const {
  std::uint64_t count = 0;
  std::set<std::string, std::less<>> agents;
  const dxl::Result<void> read = for_each_reference(
      *database_, subjects, [&](std::string_view agent, std::string_view) -> dxl::Result<void> {
        ++count;
        if (subjects.size() > 1) agents.emplace(agent);
        return {};
      });
  if (!read) return dxl::fail(read.error());
  return subjects.size() > 1 ? agents.size() : count;
}

dxl::Result<ReferenceList> RocksStore::references(const std::vector<DigestKey>& subjects,
                                                  std::size_t limit) const {
  ReferenceCollector collector(limit, subjects.size() == 1);
  const dxl::Result<void> read =
      for_each_reference(*database_, subjects,
                         [&](std::string_view agent, std::string_view value) -> dxl::Result<void> {
                           const std::optional<StoredReference> stored = parse_reference(value);
                           if (!stored) return database_->fail("reference with a damaged value");
                           collector.add(agent, stored->time, stored->agent);
                           return {};
                         });
  if (!read) return dxl::fail(read.error());
  return collector.take();
}

dxl::Result<tie::OverriddenFiles> RocksStore::overridden(const tie::Sha1& certificate,
                                                         std::size_t limit) const {
  const Snapshot now(*database_);
  OverriddenCollector collector(certificate, limit);
  Cursor at(*database_, override_order_prefix(certificate), &now);
  for (; at.valid(); at.next()) {
    std::string_view rest = at.behind();
    const auto changed = take_ordered(rest);
    const auto file = take_digest_key(rest);
    if (!changed || !file || !rest.empty()) return database_->fail("damaged key of an override");
    const dxl::Result<std::optional<FileRecord>> record = read_file(*database_, *file, &now);
    if (!record) return dxl::fail(record.error());
    if (!collector.add(*record)) break;
  }
  if (dxl::Result<void> read = at.status(); !read) return dxl::fail(read.error());
  return collector.take();
}

dxl::Result<std::vector<NumberedAuditEntry>> RocksStore::history(
    const std::vector<DigestKey>& digests, std::size_t limit) const {
  const Snapshot now(*database_);
  std::set<std::uint64_t, std::greater<>> numbers;
  for (const DigestKey& digest : digests) {
    std::size_t taken = 0;
    Cursor at(*database_, history_prefix(digest), &now);
    for (; at.valid() && taken < limit; at.next(), ++taken) {
      std::string_view rest = at.behind();
      const auto number = take_ordered(rest);
      if (!number || !rest.empty()) return database_->fail("damaged key of the history");
      numbers.insert(~*number);
    }
    if (dxl::Result<void> read = at.status(); !read) return dxl::fail(read.error());
  }
  std::vector<NumberedAuditEntry> entries;
  std::string value;
  for (const std::uint64_t number : numbers) {
    if (entries.size() == limit) break;
    const dxl::Result<bool> there = database_->get(log_key(number), value, &now);
    if (!there) return dxl::fail(there.error());
    if (!*there) return database_->fail(fmt::format("audit entry {} is missing", number));
    dxl::Result<NumberedAuditEntry> entry = parse_log_entry(*database_, number, value);
    if (!entry) return dxl::fail(entry.error());
    entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace tiara::store
