#include "store/record_codec.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "base/hex.hpp"
#include "reputation/test_records.hpp"

namespace tiara::store {
namespace {

using reputation::CertRecord;
using reputation::FileRecord;
using tie::Provider;
using tie::TrustLevel;

FileRecord full_record() {
  FileRecord record = reputation::record(
      reputation::hashes(0x11, 0x22, 0x33),
      {reputation::entry(Provider::kEnterprise, TrustLevel::kKnownTrusted, 1'700'000'100, "ok"),
       reputation::entry(Provider::kExternal, TrustLevel::kMightBeMalicious, 1'700'000'200)});
  record.names = {"a.exe", "\xc3\xa9"};
  record.file_type = 4'328'554'496;
  record.reference_count = 300;
  record.prevalent = true;
  record.first_instance_sent = true;
  return record;
}

// full_record() with everything that version 2 added.
FileRecord described_record() {
  FileRecord record = full_record();
  record.entries[1].attributes = {{"4194962", "7"}, {"4194963", ""}};
  record.signer = tie::Certificate{.sha1 = reputation::digest<tie::Sha1>(0x44),
                                   .public_key_sha1 = reputation::digest<tie::Sha1>(0x55)};
  record.details.described = true;
  record.details.paths = {"C:\\a", "D:\\b"};
  record.details.size = 0;
  record.details.signed_bits = -1;
  record.details.latest_rule_id = 0;
  record.details.version = "22";
  record.details.company_name = "c";
  record.details.product_name = "p";
  record.details.product_version = "v";
  record.details.profiler_flags = "465:1a200";
  for (reputation::LevelAggregate* levels : {&record.details.local, &record.details.prompted,
                                             &record.details.parents, &record.details.children}) {
    levels->add(99);
    levels->add(15);
  }
  record.details.local_time = 1'700'000'300;
  record.details.detection_count = 2;
  record.details.last_detection = 1'700'000'400;
  record.details.last_detection_name = "n";
  return record;
}

CertRecord full_certificate() {
  CertRecord record;
  record.certificate = {.sha1 = reputation::digest<tie::Sha1>(0x44),
                        .public_key_sha1 = reputation::digest<tie::Sha1>(0x55)};
  record.entries = {
      reputation::entry(Provider::kCertEnterprise, TrustLevel::kKnownTrusted, 1'700'000'100, "ok")};
  record.entries[0].attributes = {{"1", "2"}};
  record.created = record.first_contact = 1'700'000'000;
  record.last_used = 1'699'920'000;
  record.reference_count = 300;
  record.prevalent = true;
  record.details = {.described = true,
                    .algorithm = "sha1RSA",
                    .subject_name = "sn",
                    .subject = "s",
                    .issuer = "i",
                    .issuer_dn = "dn",
                    .serial_number = std::string("\0\1", 2),
                    .issuer_sha1 = reputation::digest<tie::Sha1>(0x66),
                    .issuer_public_key_sha1 = reputation::digest<tie::Sha1>(0x77),
                    .valid_from = 0,
                    .valid_to = 1'900'000'000};
  return record;
}

template <class Record>
std::string encode(const Record& record) {
  std::string out;
  append_record(record, out);
  return out;
}

struct Example {
  const char* name;
  FileRecord record;
  std::string hex;
};

// The format of docs/store.md as bytes: never edit, only add when the version changes.
const char* const kShortHex =
    "11111111111111111111111111111111"
    "80c49fd50c80c49fd50c80e295d50c0000"
    "0000";
const char* const kFullHex =
    "11111111111111111111111111111111"
    "2222222222222222222222222222222222222222"
    "3333333333333333333333333333333333333333333333333333333333333333"
    "80c49fd50c80c49fd50c80e295d50c"
    "8080829010ac02"
    "0205612e65786502c3a9"
    "0206c601c8c59fd50c026f6b"
    "1e3c90c79fd50c00";
const char* const kDescribedHex =
    "02ff111111111111111111111111111111112222222222222222222222222222222222222222333333333333"
    "333333333333333333333333333333333333333333333333333380c49fd50c80c49fd50c80e295d50c808082"
    "9010ac020205612e65786502c3a90206c601c8c59fd50c026f6b001e3c90c79fd50c00020734313934393632"
    "0137073431393439363300014444444444444444444444444444444444444444555555555555555555555555"
    "5555555555555555ffff0f0204433a5c6104443a5c62000100023232016301700176093436353a3161323030"
    "02720f630f02720f630f02720f630f02720f630fd8c89fd50c02a0ca9fd50c016e";
const char* const kCertificateHex =
    "01c94444444444444444444444444444444444444444555555555555555555555555555555555555555580c4"
    "9fd50c80c49fd50c80e295d50cac020108c601c8c59fd50c026f6b0101310132ff0f07736861315253410273"
    "6e0173016902646e020001666666666666666666666666666666666666666677777777777777777777777777"
    "777777777777770080ccfd930e";

std::vector<Example> examples() {
  return {
      {"one digest, nothing else", reputation::record(reputation::hashes(0x11, 0, 0)),
       std::string("0201") + kShortHex},
      {"all of version 1", full_record(), std::string("021f") + kFullHex},
      {"everything", described_record(), kDescribedHex},
  };
}

TEST(RecordCodec, DecodesAndEncodesTheDocumentedBytes) {
  for (const Example& example : examples()) {
    SCOPED_TRACE(example.name);
    EXPECT_EQ(base::to_hex(encode(example.record)), example.hex);
    const auto decoded = decode_record(*base::parse_hex(example.hex));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, example.record);
  }
  EXPECT_EQ(base::to_hex(encode(full_certificate())), kCertificateHex);
  const auto decoded = decode_cert_record(*base::parse_hex(kCertificateHex));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, full_certificate());
}

TEST(RecordCodec, StillReadsVersion1) {
  const auto one = decode_record(*base::parse_hex(std::string("0101") + kShortHex));
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(*one, reputation::record(reputation::hashes(0x11, 0, 0)));
  const auto full = decode_record(*base::parse_hex(std::string("011f") + kFullHex));
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(*full, full_record());
}

TEST(RecordCodec, KeepsACertificateWithoutAnythingSmall) {
  CertRecord record;
  record.certificate.sha1 = reputation::digest<tie::Sha1>(0x44);
  const std::string bytes = encode(record);
  EXPECT_EQ(bytes.size(), 27U);
  const auto decoded = decode_cert_record(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, record);
}

TEST(RecordCodec, KeepsExtremeNumbers) {
  FileRecord record = described_record();
  record.created = std::numeric_limits<std::int64_t>::min();
  record.first_contact = std::numeric_limits<std::int64_t>::max();
  record.last_used = -1;
  record.file_type = std::numeric_limits<std::uint64_t>::max();
  record.entries[0].trust_level = TrustLevel{std::numeric_limits<std::int32_t>::min()};
  record.entries[1].provider = Provider{std::numeric_limits<std::int32_t>::max()};
  record.details.size = std::numeric_limits<std::uint64_t>::max();
  record.details.signed_bits = std::numeric_limits<std::int64_t>::min();
  const auto decoded = decode_record(encode(record));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, record);
}

TEST(RecordCodec, RejectsEveryTruncation) {
  const std::string bytes = encode(described_record());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_record(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().code, dxl::ErrorCode::kStorage);
  }
  const std::string certificate = encode(full_certificate());
  for (std::size_t size = 0; size < certificate.size(); ++size)
    ASSERT_FALSE(decode_cert_record(std::string_view(certificate).substr(0, size))) << size;
}

template <class Decode>
void expect_survival(const std::string& bytes, Decode&& decode) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(value);
      const auto decoded = decode(changed);
      // What decodes must be exactly what the bytes say.
      if (decoded) {
        EXPECT_EQ(encode(*decoded), changed) << at << " " << value;
      }
    }
  }
}

TEST(RecordCodec, SurvivesEverySingleByteChange) {
  // A change of the version to 1 fails because of the flags that version does not know.
  expect_survival(encode(described_record()), decode_record);
  expect_survival(encode(full_certificate()), decode_cert_record);
}

TEST(RecordCodec, RejectsWhatTheDocumentForbids) {
  const std::string bytes = encode(full_record());
  const std::vector<std::pair<const char*, std::string>> cases{
      {"bytes behind the end", bytes + '\0'},
      {"another version", "\x03" + bytes.substr(1)},
      {"no digest", std::string("\x02\x00", 2) + bytes.substr(2)},
      {"signer that is not there", "\x02\x3f" + bytes.substr(2)},
      {"flag that version 1 does not know", "\x01\x3f" + bytes.substr(2)},
      {"details without any", "\x02\x5f" + bytes.substr(2) + '\0'},
      {"details of the future", "\x02\x5f" + bytes.substr(2) + *base::parse_hex("80801000")},
      {"levels that are none", "\x02\x5f" + bytes.substr(2) + *base::parse_hex("80080000000000")},
  };
  for (const auto& [name, damaged] : cases) {
    SCOPED_TRACE(name);
    EXPECT_FALSE(decode_record(damaged));
  }
}

TEST(Varint, RejectsSuperfluousGroupsAndOverflow) {
  for (const char* hex : {"8000", "ff00", "ffffffffffffffffff02", "ffffffffffffffffffff01", "80"}) {
    SCOPED_TRACE(hex);
    const std::string bytes = *base::parse_hex(hex);
    std::string_view rest = bytes;
    EXPECT_EQ(take_varint(rest), std::nullopt);
  }
  const std::string most = *base::parse_hex("ffffffffffffffffff01");
  std::string_view rest = most;
  EXPECT_EQ(take_varint(rest), std::numeric_limits<std::uint64_t>::max());
}

}  // namespace
}  // namespace tiara::store
