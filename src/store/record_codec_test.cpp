#include "store/record_codec.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "base/hex.hpp"
#include "reputation/test_records.hpp"

namespace tiara::store {
namespace {

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

std::string encode(const FileRecord& record) {
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
std::vector<Example> examples() {
  return {
      {"one digest, nothing else", reputation::record(reputation::hashes(0x11, 0, 0)),
       "0101"
       "11111111111111111111111111111111"
       "80c49fd50c80c49fd50c80e295d50c0000"
       "0000"},
      {"everything", full_record(),
       "011f"
       "11111111111111111111111111111111"
       "2222222222222222222222222222222222222222"
       "3333333333333333333333333333333333333333333333333333333333333333"
       "80c49fd50c80c49fd50c80e295d50c"
       "8080829010ac02"
       "0205612e65786502c3a9"
       "0206c601c8c59fd50c026f6b"
       "1e3c90c79fd50c00"},
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
}

TEST(RecordCodec, KeepsExtremeNumbers) {
  FileRecord record = full_record();
  record.created = std::numeric_limits<std::int64_t>::min();
  record.first_contact = std::numeric_limits<std::int64_t>::max();
  record.last_used = -1;
  record.file_type = std::numeric_limits<std::uint64_t>::max();
  record.entries[0].trust_level = TrustLevel{std::numeric_limits<std::int32_t>::min()};
  record.entries[1].provider = Provider{std::numeric_limits<std::int32_t>::max()};
  const auto decoded = decode_record(encode(record));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, record);
}

TEST(RecordCodec, RejectsEveryTruncation) {
  const std::string bytes = encode(full_record());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_record(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().code, dxl::ErrorCode::kStorage);
  }
}

TEST(RecordCodec, SurvivesEverySingleByteChange) {
  const std::string bytes = encode(full_record());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(value);
      const auto decoded = decode_record(changed);
      // What decodes must be exactly what the bytes say.
      if (decoded) {
        EXPECT_EQ(encode(*decoded), changed);
      }
    }
  }
}

TEST(RecordCodec, RejectsWhatTheDocumentForbids) {
  const std::string bytes = encode(full_record());
  const std::vector<std::pair<const char*, std::string>> cases{
      {"bytes behind the end", bytes + '\0'},
      {"another version", "\x02" + bytes.substr(1)},
      {"no digest", std::string("\x01\x00", 2) + bytes.substr(2)},
      {"unknown flag", "\x01\x3f" + bytes.substr(2)},
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
