// Reading through whole families of keys.
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
using reputation::DigestType;
using reputation::FileRecord;

// Records of certificates lie behind those of files.
std::string certificate_prefix() {
  return family_prefix(Family::kDigest) + static_cast<char>(DigestType::kCertificate);
}

// Follows the chain: entries must come without a hole, each with the hash that its bytes give.
class ChainReader {
 public:
  ChainReader(const Database& database, const Snapshot& now) : database_(database), now_(now) {}

  // Stands before entry `first`.
  dxl::Result<void> start(std::uint64_t first) {
    next_ = first;
    if (first == 1) return {};
    std::string value;
    const dxl::Result<bool> there = database_.get(log_key(first - 1), value, &now_);
    if (!there) return dxl::fail(there.error());
    if (!*there) return missing(first - 1);
    const dxl::Result<NumberedAuditEntry> before = parse_log_entry(database_, first - 1, value);
    if (!before) return dxl::fail(before.error());
    hash_ = before->hash;
    return {};
  }
  dxl::Result<NumberedAuditEntry> next(std::string_view behind, std::string_view value) {
    const std::optional<std::uint64_t> number = take_ordered(behind);
    if (!number || !behind.empty()) return database_.fail("damaged key of the audit log");
    if (*number != next_) return dxl::fail(missing(next_).error());
    dxl::Result<NumberedAuditEntry> entry = parse_log_entry(database_, *number, value);
    if (!entry) return entry;
    const dxl::Result<AuditHash> hash = chain_hash(hash_, value.substr(sizeof(AuditHash)));
    if (!hash) return dxl::fail(hash.error());
    if (*hash != entry->hash)
      return database_.fail(fmt::format("audit entry {} does not fit the one before it", next_));
    hash_ = *hash;
    ++next_;
    return entry;
  }
  dxl::Result<void> end(const AuditHead& head) const {
    if (next_ <= head.count) return missing(next_);
    if (next_ == head.count + 1 && hash_ == head.hash) return {};
    return database_.fail(
        fmt::format("audit entry {} is not the end of the log that is on record", next_ - 1));
  }

 private:
  dxl::Result<void> missing(std::uint64_t number) const {
    return database_.fail(fmt::format("audit entry {} is missing", number));
  }

  const Database& database_;
  const Snapshot& now_;
  std::uint64_t next_ = 1;
  AuditHash hash_{};
};

}  // namespace

dxl::Result<NumberedAuditEntry> parse_log_entry(const Database& database, std::uint64_t number,
                                                std::string_view value) {
  const std::optional<AuditHash> hash = take_hash(value);
  dxl::Result<AuditEntry> entry = decode_audit_entry(value);
  if (!hash || !entry)
    return database.fail(
        fmt::format("audit entry {}: {}", number, hash ? entry.error().message : "without a hash"));
  return NumberedAuditEntry{.number = number, .entry = *std::move(entry), .hash = *hash};
}

dxl::Result<void> read_log(const Database& database, std::uint64_t first,
                           const std::function<bool(const NumberedAuditEntry&)>& visit) {
  const Snapshot now(database);
  const dxl::Result<Meta> meta = read_meta(database, &now);
  if (!meta) return dxl::fail(meta.error());
  first = std::max<std::uint64_t>(first, 1);
  if (first > meta->audit.count + 1) return {};
  ChainReader chain(database, now);
  if (dxl::Result<void> started = chain.start(first); !started) return started;
  Cursor at(database, family_prefix(Family::kLog), &now);
  for (at.seek(log_key(first)); at.valid(); at.next()) {
    const dxl::Result<NumberedAuditEntry> entry = chain.next(at.behind(), at.value());
    if (!entry) return dxl::fail(entry.error());
    if (!visit(*entry)) return {};
  }
  if (dxl::Result<void> read = at.status(); !read) return read;
  return chain.end(meta->audit);
}

dxl::Result<void> RocksStore::read_updates(
    std::int64_t since, const std::function<bool(const Batch::Update&)>& visit) const {
  Cursor at(*database_, family_prefix(Family::kUpdate));
  for (at.seek(update_key(since, 0)); at.valid(); at.next()) {
    std::string_view key = at.behind();
    std::string_view value = at.value();
    const auto time = take_ordered(key);
    const auto change_id = take_ordered(key);
    const auto subject = take_digest_key(value);
    if (!time || !change_id || !key.empty() || !subject || !value.empty())
      return database_->fail("damaged update");
    if (!visit({.time = time_of_ordered(*time), .change_id = *change_id, .subject = *subject}))
      return {};
  }
  return at.status();
}

dxl::Result<void> RocksStore::scan_files(
    const std::optional<DigestKey>& after,
    const std::function<bool(const FileRecord&)>& visit) const {
  const std::string certificates = certificate_prefix();
  Cursor at(*database_, family_prefix(Family::kDigest));
  const std::string start = after ? digest_key(*after) : std::string();
  if (after) at.seek(start);
  if (after && at.valid() && at.key() == start) at.next();
  for (; at.valid(); at.next()) {
    const std::string_view value = at.value();
    if (at.key() >= certificates) break;
    if (value.empty()) return database_->fail("digest with a damaged value");
    if (value.front() == kPointerTag) continue;
    const dxl::Result<FileRecord> record = decode_record(value.substr(1));
    if (!record) return database_->fail(record.error().message);
    if (!visit(*record)) return {};
  }
  return at.status();
}

dxl::Result<void> RocksStore::scan_certificates(
    const std::optional<tie::Sha1>& after,
    const std::function<bool(const CertRecord&)>& visit) const {
  Cursor at(*database_, certificate_prefix());
  const std::string start = after ? digest_key(DigestKey::of_certificate(*after)) : std::string();
  if (after) at.seek(start);
  if (after && at.valid() && at.key() == start) at.next();
  for (; at.valid(); at.next()) {
    const std::string_view value = at.value();
    if (value.empty() || value.front() != kCertRecordTag)
      return database_->fail("certificate with a damaged value");
    const dxl::Result<CertRecord> record = decode_cert_record(value.substr(1));
    if (!record) return database_->fail(record.error().message);
    if (!visit(*record)) return {};
  }
  return at.status();
}

dxl::Result<ReputationStore::NamesFound> RocksStore::search_names(std::string_view text,
                                                                  std::size_t rows,
                                                                  std::size_t most_visited) const {
  const Snapshot now(*database_);
  NameSearch search(text, rows, most_visited);
  std::string value;
  Cursor at(*database_, family_prefix(Family::kNames), &now);
  for (; at.valid() && search.may_go_on(); at.next()) {
    const auto names = parse_names(at.value());
    if (!names) return database_->fail("damaged names");
    if (!search.matches(*names)) continue;
    // What was left over when its digest became a pointer is skipped.
    const dxl::Result<bool> there =
        database_->get(family_prefix(Family::kDigest).append(at.behind()), value, &now);
    if (!there) return dxl::fail(there.error());
    if (!*there || value.empty() || value.front() != kRecordTag) continue;
    const dxl::Result<FileRecord> record = decode_record(std::string_view(value).substr(1));
    if (!record) return database_->fail(record.error().message);
    search.add(record->hashes);
  }
  if (dxl::Result<void> read = at.status(); !read) return dxl::fail(read.error());
  return search.take();
}

}  // namespace tiara::store
