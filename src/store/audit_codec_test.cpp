#include "store/audit_codec.hpp"

#include <gtest/gtest.h>

#include "base/hex.hpp"
#include "reputation/test_records.hpp"

namespace tiara::store {
namespace {

using tie::Provider;
using tie::TrustLevel;

AuditEntry full_entry() {
  return {.kind = AuditKind::kExternal,
          .time = 1'700'000'000,
          .hashes = reputation::hashes(0x11, 0x22, 0x33),
          .provider = Provider::kExternal,
          .old_level = TrustLevel::kUnknown,
          .new_level = TrustLevel::kMightBeTrusted,
          .comment = "because",
          .actor = {.certificate = "ab12", .name = "sandbox", .client_id = "{id}"}};
}

AuditEntry certificate_entry() {
  return {.kind = AuditKind::kEnterprise,
          .time = -1,
          .is_certificate = true,
          .hashes = reputation::hashes(0, 0x44, 0),
          .provider = Provider::kCertEnterprise,
          .new_level = TrustLevel::kKnownTrusted,
          .comment = {},
          .actor = {}};
}

std::string encode(const AuditEntry& entry) {
  std::string out;
  append_audit_entry(entry, out);
  return out;
}

// The format of docs/store.md as bytes: never edit, only add when the version changes.
TEST(AuditCodec, DecodesAndEncodesTheDocumentedBytes) {
  const std::vector<std::pair<AuditEntry, std::string>> examples{
      {full_entry(),
       "010217"
       "11111111111111111111111111111111"
       "2222222222222222222222222222222222222222"
       "3333333333333333333333333333333333333333333333333333333333333333"
       "80c49fd50c"
       "1e"
       "64"
       "8c01"
       "0762656361757365"
       "0461623132"
       "0773616e64626f78"
       "047b69647d"},
      {certificate_entry(),
       "01010a"
       "4444444444444444444444444444444444444444"
       "01"
       "08"
       "00"
       "c601"
       "00"},
  };
  for (const auto& [entry, hex] : examples) {
    EXPECT_EQ(base::to_hex(encode(entry)), hex);
    const auto decoded = decode_audit_entry(*base::parse_hex(hex));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, entry);
  }
}

TEST(AuditCodec, RejectsEveryTruncation) {
  const std::string bytes = encode(full_entry());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    ASSERT_FALSE(decode_audit_entry(std::string_view(bytes).substr(0, size))) << size;
}

TEST(AuditCodec, SurvivesEverySingleByteChange) {
  for (const std::string& bytes : {encode(full_entry()), encode(certificate_entry())}) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(value);
        const auto decoded = decode_audit_entry(changed);
        if (decoded) {
          EXPECT_EQ(encode(*decoded), changed);
        }
      }
    }
  }
}

TEST(AuditCodec, RejectsWhatTheDocumentForbids) {
  const std::string bytes = encode(full_entry());
  const auto with = [&](std::size_t at, char value) {
    std::string changed = bytes;
    changed[at] = value;
    return changed;
  };
  const std::vector<std::pair<const char*, std::string>> cases{
      {"bytes behind the end", bytes + '\0'},
      {"another version", with(0, 2)},
      {"kind 0", with(1, 0)},
      {"unknown kind", with(1, 8)},
      {"unknown flag", with(2, 0x37)},
      {"no digest", with(2, 0x10)},
      {"certificate with three digests", with(2, 0x1f)},
      {"actor of empty texts",
       encode(certificate_entry()).replace(2, 1, "\x1a") + std::string(3, '\0')},
  };
  for (const auto& [name, damaged] : cases) {
    SCOPED_TRACE(name);
    EXPECT_FALSE(decode_audit_entry(damaged));
  }
}

// sha256(32 zero bytes, 'a') and sha256(that, 'b'), computed with another program.
TEST(AuditChain, IsSha256OfTheHashBeforeAndTheEntry) {
  const auto hex = [](const AuditHash& hash) {
    return base::to_hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
  };
  const auto first = chain_hash({}, "a");
  ASSERT_TRUE(first);
  EXPECT_EQ(hex(*first), "41a0370c3d9f42773a59e8e01651911cf43b1e3f66944cbb690029debc4eb647");
  const auto second = chain_hash(*first, "b");
  ASSERT_TRUE(second);
  EXPECT_EQ(hex(*second), "abccbe9b24d2bbd3aa1360d605147a841dd051130131c6929d6004e1ae4796e8");
}

TEST(AuditEntryDigests, AreThoseOfTheFileOrTheCertificate) {
  EXPECT_EQ(digests_of(full_entry()).size(), 3U);
  const std::vector<reputation::DigestKey> of_certificate{
      reputation::DigestKey::of_certificate(reputation::digest<tie::Sha1>(0x44))};
  EXPECT_EQ(digests_of(certificate_entry()), of_certificate);
}

}  // namespace
}  // namespace tiara::store
