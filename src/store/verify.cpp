// Reads the whole database and compares everything that is said twice.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "store/audit_codec.hpp"
#include "store/maintenance.hpp"
#include "store/record_codec.hpp"
#include "store/rocks_keys.hpp"
#include "store/rocks_store.hpp"
#include "store/rocks_values.hpp"

namespace tiara::store {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::DigestType;
using reputation::FileRecord;

constexpr std::uint64_t kKeysPerProgress = 10'000;

class Verifier {
 public:
  Verifier(const Database& database, const Meta& meta) : database_(database), meta_(meta) {}

  // An empty key: of the store as a whole.
  void problem(std::string_view key, std::string_view what);
  VerifyReport run(const Progress& progress);

 private:
  // False, and a problem of `key`, if it cannot be read.
  bool get(std::string_view key, std::string_view wanted, std::string& value);

  void check(std::string_view key, std::string_view behind, std::string_view value);
  void check_digest(std::string_view key, std::string_view behind, std::string_view value);
  void check_pointer(std::string_view key, const DigestKey& from, std::string_view value);
  void check_file(std::string_view key, const DigestKey& own, std::string_view value);
  void check_names(std::string_view key, const FileRecord& record, bool may_be_missing);
  void check_certificate(std::string_view key, const DigestKey& own, std::string_view value);
  void check_reference(std::string_view key, std::string_view behind, std::string_view value);
  void finish_subject();
  void check_override(std::string_view key, std::string_view behind, std::string_view value);
  void check_order(std::string_view key, std::string_view behind);
  void check_update(std::string_view key, std::string_view behind, std::string_view value);
  void check_history(std::string_view key, std::string_view behind);
  void check_known(std::string_view key, std::string_view digest);
  void check_meta(std::string_view key);
  void check_log();

  const Database& database_;
  const Meta& meta_;
  VerifyReport report_;
  std::uint64_t agents_ = 0;
  // References lie together by subject.
  std::string subject_;
  std::uint64_t references_of_subject_ = 0;
};

VerifyReport Verifier::run(const Progress& progress) {
  const std::uint64_t about = database_.about_keys();
  std::uint64_t done = 0;
  Cursor at(database_, "");
  for (; at.valid(); at.next()) {
    if (++done % kKeysPerProgress == 0 && progress) progress(done, about);
    const std::string_view key = at.key();
    if (key.empty()) {
      problem(key, "key without a family");
      continue;
    }
    check(key, key.substr(1), at.value());
  }
  if (const dxl::Result<void> read = at.status(); !read) problem("", read.error().message);
  finish_subject();
  if (agents_ != meta_.agents)
    problem(kAgentsKey, fmt::format("{} agents on record, {} found", meta_.agents, agents_));
  check_log();
  if (progress) progress(done, done);
  return std::move(report_);
}

void Verifier::problem(std::string_view key, std::string_view what) {
  ++report_.problem_count;
  if (report_.problems.size() < kMaxProblems)
    report_.problems.push_back(key.empty() ? std::string(what)
                                           : fmt::format("{}: {}", base::to_hex(key), what));
}

bool Verifier::get(std::string_view key, std::string_view wanted, std::string& value) {
  const dxl::Result<bool> there = database_.get(wanted, value);
  if (!there) problem(key, there.error().message);
  return there.value_or(false);
}

void Verifier::check(std::string_view key, std::string_view behind, std::string_view value) {
  const auto family = static_cast<Family>(key.front());
  if (family != Family::kReference) finish_subject();
  switch (family) {
    case Family::kDigest:
      return check_digest(key, behind, value);
    case Family::kReference:
      return check_reference(key, behind, value);
    case Family::kAgent:
      ++agents_;
      return;
    case Family::kNames:
      ++report_.names;
      if (!parse_names(value)) problem(key, "damaged names");
      return check_known(key, behind);
    case Family::kOverride:
      return check_override(key, behind, value);
    case Family::kOverrideOrder:
      return check_order(key, behind);
    case Family::kUpdate:
      return check_update(key, behind, value);
    case Family::kLog:
      return;  // read as a chain at the end
    case Family::kHistory:
      return check_history(key, behind);
    case Family::kMeta:
      return check_meta(key);
  }
  problem(key, "key of an unknown family");
}

void Verifier::check_digest(std::string_view key, std::string_view behind, std::string_view value) {
  const std::optional<DigestKey> own = take_digest_key(behind);
  if (!own || !behind.empty()) return problem(key, "damaged digest");
  const char tag = value.empty() ? '\0' : value.front();
  const std::string_view content = value.empty() ? value : value.substr(1);
  const bool is_certificate = own->type() == DigestType::kCertificate;
  if (tag == kCertRecordTag && is_certificate) return check_certificate(key, *own, content);
  if (tag == kRecordTag && !is_certificate) return check_file(key, *own, content);
  if (tag == kPointerTag && !is_certificate) return check_pointer(key, *own, content);
  problem(key, "digest with a damaged value");
}

void Verifier::check_pointer(std::string_view key, const DigestKey& from, std::string_view) {
  ++report_.pointers;
  const dxl::Result<std::optional<FileRecord>> record = read_file(database_, from);
  if (!record) return problem(key, record.error().message);
  if (!*record || !has_digest((*record)->hashes, from))
    problem(key, "pointer to a record that does not have this digest");
}

void Verifier::check_file(std::string_view key, const DigestKey& own, std::string_view value) {
  ++report_.files;
  const dxl::Result<FileRecord> record = decode_record(value);
  if (!record) return problem(key, record.error().message);
  const DigestKeys keys(record->hashes);
  if (keys[0] != own) return problem(key, "record that does not lie under its strongest digest");
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const dxl::Result<std::optional<FileRecord>> other = read_file(database_, keys[i]);
    if (!other) {
      problem(key, other.error().message);
    } else if (!*other || reputation::strongest_key((*other)->hashes) != own) {
      problem(key, "one of its digests does not lead to this record");
    }
  }
  check_names(key, *record, static_cast<std::uint8_t>(value.front()) == kFirstRecordVersion);
}

void Verifier::check_names(std::string_view key, const FileRecord& record, bool may_be_missing) {
  std::string value;
  const bool there = get(key, names_key(reputation::strongest_key(record.hashes)), value);
  if (!there && (may_be_missing || record.names.empty())) return;
  if (!there || value != names_value(record.names))
    problem(key, "the names of the search are not those of the record");
}

void Verifier::check_certificate(std::string_view key, const DigestKey& own,
                                 std::string_view value) {
  ++report_.certificates;
  const auto record = decode_cert_record(value);
  if (!record) return problem(key, record.error().message);
  if (DigestKey::of_certificate(record->certificate.sha1) != own)
    problem(key, "record that does not lie under its digest");
}

void Verifier::check_reference(std::string_view key, std::string_view behind,
                               std::string_view value) {
  ++report_.references;
  const std::string_view rest = behind;
  const std::optional<DigestKey> subject = take_digest_key(behind);
  const std::optional<StoredReference> stored = parse_reference(value);
  if (!subject || !stored) return problem(key, "damaged reference");
  if (agent_key(stored->agent) != behind) problem(key, "reference of another agent");
  std::string ignored;
  if (!get(key, agent_seen_key(behind), ignored)) problem(key, "its agent is not counted");
  const std::string_view digest = rest.substr(0, rest.size() - behind.size());
  if (digest != subject_) {
    finish_subject();
    subject_ = digest;
  }
  ++references_of_subject_;
}

void Verifier::finish_subject() {
  if (subject_.empty()) return;
  const std::string key = family_prefix(Family::kReference) + subject_;
  const std::uint64_t count = references_of_subject_;
  std::string value;
  const bool there = get(key, family_prefix(Family::kDigest) + subject_, value);
  subject_.clear();
  references_of_subject_ = 0;
  if (!there || value.empty() || value.front() == kPointerTag)
    return problem(key, "references of a subject without a record");
  const std::string_view bytes = std::string_view(value).substr(1);
  std::optional<std::uint64_t> on_record;
  if (value.front() == kRecordTag) {
    if (const auto record = decode_record(bytes)) on_record = record->reference_count;
  } else if (const auto record = decode_cert_record(bytes)) {
    on_record = record->reference_count;
  }
  // A merge may have added counts up without a look at who is in both.
  if (on_record && *on_record < count)
    problem(key, fmt::format("{} references, {} in the record", count, *on_record));
}

void Verifier::check_known(std::string_view key, std::string_view digest) {
  std::string ignored;
  if (!get(key, family_prefix(Family::kDigest).append(digest), ignored))
    problem(key, "its digest is not known");
}

void Verifier::check_override(std::string_view key, std::string_view behind,
                              std::string_view value) {
  ++report_.overrides;
  check_known(key, behind);
  const std::optional<DigestKey> file = take_digest_key(behind);
  const std::optional<StoredOverride> stored = parse_override(value);
  if (!file || !behind.empty() || !stored) return problem(key, "damaged override");
  std::string ignored;
  if (!get(key, override_order_key(stored->certificate, stored->changed, *file), ignored))
    problem(key, "override that is not listed under its certificate");
}

void Verifier::check_order(std::string_view key, std::string_view behind) {
  Reader reader(behind);
  const auto certificate = reader.digest<tie::Sha1>("certificate");
  std::string_view rest = behind.substr(std::min(behind.size(), tie::Sha1::kSize));
  const std::optional<std::uint64_t> changed = take_ordered(rest);
  if (!reader.ok() || !changed) return problem(key, "damaged override");
  const StoredOverride listed{.certificate = certificate, .changed = time_of_ordered(~*changed)};
  std::string value;
  if (!get(key, family_prefix(Family::kOverride).append(rest), value) ||
      value != override_value(listed))
    problem(key, "listed override that is not one");
}

void Verifier::check_update(std::string_view key, std::string_view behind, std::string_view value) {
  ++report_.updates;
  const auto time = take_ordered(behind);
  const auto change_id = take_ordered(behind);
  const auto subject = take_digest_key(value);
  if (!time || !change_id || !behind.empty() || !subject || !value.empty())
    return problem(key, "damaged update");
  if (*change_id > meta_.change_id) problem(key, "update with a change id not given out yet");
}

void Verifier::check_history(std::string_view key, std::string_view behind) {
  const std::optional<DigestKey> digest = take_digest_key(behind);
  const std::optional<std::uint64_t> number = take_ordered(behind);
  if (!digest || !number || !behind.empty()) return problem(key, "damaged key of the history");
  std::string value;
  if (!get(key, log_key(~*number), value))
    return problem(key, "history of an entry that is not there");
  const dxl::Result<NumberedAuditEntry> entry = parse_log_entry(database_, ~*number, value);
  if (!entry) return problem(key, entry.error().message);
  const std::vector<DigestKey> concerned = digests_of(entry->entry);
  if (std::find(concerned.begin(), concerned.end(), *digest) == concerned.end())
    problem(key, "history of an entry that concerns another subject");
}

void Verifier::check_meta(std::string_view key) {
  for (const std::string_view known : {kFormatKey, kIdKey, kChangeKey, kAgentsKey, kAuditKey})
    if (key == known) return;
  problem(key, "unknown key");
}

void Verifier::check_log() {
  if (meta_.format == kFirstFormatVersion) return;
  std::string ignored;
  const dxl::Result<void> read = read_log(database_, 1, [&](const NumberedAuditEntry& entry) {
    for (const DigestKey& digest : digests_of(entry.entry)) {
      const std::string wanted = history_key(digest, entry.number);
      if (!get(wanted, wanted, ignored))
        problem(wanted, fmt::format("audit entry {} is not in the history", entry.number));
    }
    report_.audit = {.count = entry.number, .hash = entry.hash};
    return true;
  });
  if (!read) problem("", read.error().message);
}

}  // namespace

dxl::Result<VerifyReport> verify_store(const std::filesystem::path& directory,
                                       const Progress& progress) {
  const auto database = Database::open({.directory = directory}, Database::IfMissing::kRefuse);
  if (!database) return dxl::fail(database.error());
  const dxl::Result<void> sound = (*database)->verify_checksums();
  const dxl::Result<Meta> meta = read_meta(**database);
  if (!meta && sound) return dxl::fail(meta.error());  // not a store of ours
  if (!meta) {
    VerifyReport report;
    report.problems = {sound.error().message, meta.error().message};
    report.problem_count = report.problems.size();
    return report;
  }
  Verifier verifier(**database, *meta);
  if (!sound) verifier.problem("", sound.error().message);
  return verifier.run(progress);
}

}  // namespace tiara::store
