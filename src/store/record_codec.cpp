#include "store/record_codec.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace tiara::store {
namespace {

using reputation::CertRecord;
using reputation::FileRecord;
using reputation::ProviderEntry;

enum Flag : std::uint8_t {
  kHasMd5 = 1,
  kHasSha1 = 2,
  kHasSha256 = 4,
  kPrevalent = 8,
  kFirstInstanceSent = 16,
  kHasSigner = 32,
  kHasDetails = 64,
  kHasAttributes = 128,
  kHasPublicKey = 1,  // of a certificate
};
constexpr unsigned kDigestFlags = kHasMd5 | kHasSha1 | kHasSha256;
constexpr unsigned kFirstVersionFlags = kDigestFlags | kPrevalent | kFirstInstanceSent;
constexpr unsigned kCertFlags = kHasPublicKey | kPrevalent | kHasDetails | kHasAttributes;

bool have_attributes(const std::vector<ProviderEntry>& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const ProviderEntry& entry) { return !entry.attributes.empty(); });
}

void append_entries(const std::vector<ProviderEntry>& entries, std::string& out) {
  const bool with_attributes = have_attributes(entries);
  append_varint(entries.size(), out);
  for (const ProviderEntry& entry : entries) {
    append_signed(static_cast<std::int32_t>(entry.provider), out);
    append_signed(static_cast<std::int32_t>(entry.trust_level), out);
    append_signed(entry.create_date, out);
    append_text(entry.comment, out);
    if (!with_attributes) continue;
    append_varint(entry.attributes.size(), out);
    for (const auto& [id, value] : entry.attributes) {
      append_text(id, out);
      append_text(value, out);
    }
  }
}

ProviderEntry read_entry(Reader& reader, bool with_attributes) {
  ProviderEntry entry;
  entry.provider = tie::Provider{reader.signed_32("provider")};
  entry.trust_level = tie::TrustLevel{reader.signed_32("trust level")};
  entry.create_date = reader.signed_varint("create date");
  entry.comment = reader.text("comment");
  if (!with_attributes) return entry;
  const std::size_t attributes = reader.count(kMaxEntryAttributes, "attributes");
  for (std::size_t i = 0; i < attributes && reader.ok(); ++i) {
    std::string id = reader.text("attribute");
    entry.attributes.emplace_back(std::move(id), reader.text("attribute"));
  }
  return entry;
}

void read_entries(Reader& reader, bool with_attributes, std::vector<ProviderEntry>& entries) {
  const std::size_t count = reader.count(kMaxEntries, "entries");
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    ProviderEntry entry = read_entry(reader, with_attributes);
    if (!entries.empty() && entries.back().provider >= entry.provider)
      return reader.fail("order of providers");
    entries.push_back(std::move(entry));
  }
  if (with_attributes && !have_attributes(entries)) reader.fail("attributes");
}

void append_signer(const tie::Certificate& signer, std::string& out) {
  out += signer.public_key_sha1 ? '\1' : '\0';
  out += signer.sha1.view();
  if (signer.public_key_sha1) out += signer.public_key_sha1->view();
}

tie::Certificate read_signer(Reader& reader) {
  const std::uint8_t has_key = reader.byte("signer");
  if (has_key > 1) reader.fail("signer");
  tie::Certificate signer;
  signer.sha1 = reader.digest<tie::Sha1>("signer");
  signer.public_key_sha1 = reader.digest_if<tie::Sha1>(has_key == 1, "signer's key");
  return signer;
}

unsigned flags_of(const FileRecord& record) {
  unsigned flags = 0;
  if (record.hashes.md5) flags |= kHasMd5;
  if (record.hashes.sha1) flags |= kHasSha1;
  if (record.hashes.sha256) flags |= kHasSha256;
  if (record.prevalent) flags |= kPrevalent;
  if (record.first_instance_sent) flags |= kFirstInstanceSent;
  if (record.signer) flags |= kHasSigner;
  if (record.details != reputation::FileDetails{}) flags |= kHasDetails;
  if (have_attributes(record.entries)) flags |= kHasAttributes;
  return flags;
}

unsigned flags_of(const CertRecord& record) {
  unsigned flags = 0;
  if (record.certificate.public_key_sha1) flags |= kHasPublicKey;
  if (record.prevalent) flags |= kPrevalent;
  if (record.details != reputation::CertDetails{}) flags |= kHasDetails;
  if (have_attributes(record.entries)) flags |= kHasAttributes;
  return flags;
}

}  // namespace

void append_record(const FileRecord& record, std::string& out) {
  const unsigned flags = flags_of(record);
  out += static_cast<char>(kRecordVersion);
  out += static_cast<char>(flags);
  if (record.hashes.md5) out += record.hashes.md5->view();
  if (record.hashes.sha1) out += record.hashes.sha1->view();
  if (record.hashes.sha256) out += record.hashes.sha256->view();
  append_signed(record.created, out);
  append_signed(record.first_contact, out);
  append_signed(record.last_used, out);
  append_varint(record.file_type, out);
  append_varint(record.reference_count, out);
  append_varint(record.names.size(), out);
  for (const std::string& name : record.names) append_text(name, out);
  append_entries(record.entries, out);
  if (record.signer) append_signer(*record.signer, out);
  if ((flags & kHasDetails) != 0) append_details(record.details, out);
}

dxl::Result<FileRecord> decode_record(std::string_view bytes) {
  Reader reader(bytes);
  FileRecord record;
  const std::uint8_t version = reader.byte("version");
  if (version != kRecordVersion && version != kFirstRecordVersion) reader.fail("version");
  const unsigned flags = reader.byte("flags");
  if ((flags & kDigestFlags) == 0) reader.fail("flags");
  if (version == kFirstRecordVersion && (flags & ~kFirstVersionFlags) != 0) reader.fail("flags");
  record.hashes.md5 = reader.digest_if<tie::Md5>((flags & kHasMd5) != 0, "md5");
  record.hashes.sha1 = reader.digest_if<tie::Sha1>((flags & kHasSha1) != 0, "sha1");
  record.hashes.sha256 = reader.digest_if<tie::Sha256>((flags & kHasSha256) != 0, "sha256");
  record.prevalent = (flags & kPrevalent) != 0;
  record.first_instance_sent = (flags & kFirstInstanceSent) != 0;
  record.created = reader.signed_varint("created");
  record.first_contact = reader.signed_varint("first contact");
  record.last_used = reader.signed_varint("last used");
  record.file_type = reader.varint("file type");
  record.reference_count = reader.varint("reference count");
  const std::size_t names = reader.count(reputation::kMaxNames, "names");
  for (std::size_t i = 0; i < names && reader.ok(); ++i)
    record.names.push_back(reader.text("name"));
  read_entries(reader, (flags & kHasAttributes) != 0, record.entries);
  if ((flags & kHasSigner) != 0) record.signer = read_signer(reader);
  if ((flags & kHasDetails) != 0) read_details(reader, record.details);
  if (dxl::Result<void> whole = reader.finish("file record"); !whole)
    return dxl::fail(whole.error());
  return record;
}

void append_record(const CertRecord& record, std::string& out) {
  const unsigned flags = flags_of(record);
  out += static_cast<char>(kCertRecordVersion);
  out += static_cast<char>(flags);
  out += record.certificate.sha1.view();
  if (record.certificate.public_key_sha1) out += record.certificate.public_key_sha1->view();
  append_signed(record.created, out);
  append_signed(record.first_contact, out);
  append_signed(record.last_used, out);
  append_varint(record.reference_count, out);
  append_entries(record.entries, out);
  if ((flags & kHasDetails) != 0) append_details(record.details, out);
}

dxl::Result<CertRecord> decode_cert_record(std::string_view bytes) {
  Reader reader(bytes);
  CertRecord record;
  if (reader.byte("version") != kCertRecordVersion) reader.fail("version");
  const unsigned flags = reader.byte("flags");
  if ((flags & ~kCertFlags) != 0) reader.fail("flags");
  record.certificate.sha1 = reader.digest<tie::Sha1>("sha1");
  record.certificate.public_key_sha1 =
      reader.digest_if<tie::Sha1>((flags & kHasPublicKey) != 0, "public key");
  record.prevalent = (flags & kPrevalent) != 0;
  record.created = reader.signed_varint("created");
  record.first_contact = reader.signed_varint("first contact");
  record.last_used = reader.signed_varint("last used");
  record.reference_count = reader.varint("reference count");
  read_entries(reader, (flags & kHasAttributes) != 0, record.entries);
  if ((flags & kHasDetails) != 0) read_details(reader, record.details);
  if (dxl::Result<void> whole = reader.finish("certificate record"); !whole)
    return dxl::fail(whole.error());
  return record;
}

}  // namespace tiara::store
