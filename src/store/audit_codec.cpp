#include "store/audit_codec.hpp"

#include <memory>

#include <openssl/evp.h>

#include "store/elements.hpp"

namespace tiara::store {
namespace {

constexpr std::uint8_t kAuditVersion = 1;
enum Flag : std::uint8_t {
  kHasMd5 = 1,
  kHasSha1 = 2,
  kHasSha256 = 4,
  kCertificate = 8,
  kHasActor = 16,
  kKnownFlags = 31,
};
constexpr unsigned kDigestFlags = kHasMd5 | kHasSha1 | kHasSha256;

unsigned flags_of(const AuditEntry& entry) {
  unsigned flags = 0;
  if (entry.hashes.md5) flags |= kHasMd5;
  if (entry.hashes.sha1) flags |= kHasSha1;
  if (entry.hashes.sha256) flags |= kHasSha256;
  if (entry.is_certificate) flags |= kCertificate;
  if (entry.actor != Actor{}) flags |= kHasActor;
  return flags;
}

bool are_valid(unsigned flags) {
  if ((flags & ~unsigned{kKnownFlags}) != 0 || (flags & kDigestFlags) == 0) return false;
  return (flags & kCertificate) == 0 || (flags & kDigestFlags) == kHasSha1;
}

}  // namespace

void append_audit_entry(const AuditEntry& entry, std::string& out) {
  const unsigned flags = flags_of(entry);
  out += static_cast<char>(kAuditVersion);
  out += static_cast<char>(entry.kind);
  out += static_cast<char>(flags);
  if (entry.hashes.md5) out += entry.hashes.md5->view();
  if (entry.hashes.sha1) out += entry.hashes.sha1->view();
  if (entry.hashes.sha256) out += entry.hashes.sha256->view();
  append_signed(entry.time, out);
  append_signed(static_cast<std::int32_t>(entry.provider), out);
  append_signed(static_cast<std::int32_t>(entry.old_level), out);
  append_signed(static_cast<std::int32_t>(entry.new_level), out);
  append_text(entry.comment, out);
  if ((flags & kHasActor) == 0) return;
  append_text(entry.actor.certificate, out);
  append_text(entry.actor.name, out);
  append_text(entry.actor.client_id, out);
}

dxl::Result<AuditEntry> decode_audit_entry(std::string_view bytes) {
  Reader reader(bytes);
  AuditEntry entry;
  if (reader.byte("version") != kAuditVersion) reader.fail("version");
  const std::uint8_t kind = reader.byte("kind");
  if (!is_known(AuditKind{kind})) reader.fail("kind");
  entry.kind = AuditKind{kind};
  const unsigned flags = reader.byte("flags");
  if (!are_valid(flags)) reader.fail("flags");
  entry.is_certificate = (flags & kCertificate) != 0;
  entry.hashes.md5 = reader.digest_if<tie::Md5>((flags & kHasMd5) != 0, "md5");
  entry.hashes.sha1 = reader.digest_if<tie::Sha1>((flags & kHasSha1) != 0, "sha1");
  entry.hashes.sha256 = reader.digest_if<tie::Sha256>((flags & kHasSha256) != 0, "sha256");
  entry.time = reader.signed_varint("time");
  entry.provider = tie::Provider{reader.signed_32("provider")};
  entry.old_level = tie::TrustLevel{reader.signed_32("old level")};
  entry.new_level = tie::TrustLevel{reader.signed_32("new level")};
  entry.comment = reader.text("comment");
  if ((flags & kHasActor) != 0) {
    entry.actor.certificate = reader.text("certificate of the actor");
    entry.actor.name = reader.text("name of the actor");
    entry.actor.client_id = reader.text("client id of the actor");
    if (entry.actor == Actor{}) reader.fail("actor");
  }
  if (dxl::Result<void> whole = reader.finish("audit entry"); !whole)
    return dxl::fail(whole.error());
  return entry;
}

dxl::Result<AuditHash> chain_hash(const AuditHash& before, std::string_view encoded) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  AuditHash hash{};
  unsigned int size = 0;
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), before.data(), before.size()) != 1 ||
      EVP_DigestUpdate(context.get(), encoded.data(), encoded.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), hash.data(), &size) != 1 || size != hash.size())
    return dxl::fail(dxl::ErrorCode::kStorage, "audit log: SHA-256 is not available");
  return hash;
}

std::vector<reputation::DigestKey> digests_of(const AuditEntry& entry) {
  if (entry.is_certificate && entry.hashes.sha1)
    return {reputation::DigestKey::of_certificate(*entry.hashes.sha1)};
  const reputation::DigestKeys keys(entry.hashes);
  return {keys.begin(), keys.end()};
}

}  // namespace tiara::store
