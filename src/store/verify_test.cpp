// verify_store() finds nothing in a sound store, and each kind of damage.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "reputation/test_records.hpp"
#include "store/audit_codec.hpp"
#include "store/maintenance.hpp"
#include "store/reputation_store.hpp"
#include "store/rocks_keys.hpp"
#include "store/rocks_values.hpp"
#include "store/temporary_directory.hpp"

namespace tiara::store {
namespace {

using reputation::DigestKey;
using reputation::hashes;
using reputation::strongest_key;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const tie::Sha1 kSigner = reputation::digest<tie::Sha1>(7);

AuditEntry audit_entry(std::uint8_t sha256) {
  return {.kind = AuditKind::kEnterprise, .time = 5, .hashes = hashes(1, 0, sha256)};
}

// One of everything.
Batch full_batch() {
  reputation::FileRecord file = reputation::record(
      hashes(1, 2, 3),
      {reputation::entry(tie::Provider::kEnterprise, tie::TrustLevel::kKnownTrusted)});
  file.names = {"Setup.exe"};
  file.reference_count = 1;
  file.signer = tie::Certificate{.sha1 = kSigner};
  reputation::CertRecord certificate;
  certificate.certificate.sha1 = kSigner;
  Batch batch;
  batch.put = {file, reputation::record(hashes(9, 0, 0))};
  batch.put_certificates = {certificate};
  const DigestKey subject = strongest_key(file.hashes);
  batch.references = {{.subject = subject, .agent = "Agent", .time = 4}};
  batch.overrides = {{.certificate = kSigner, .file = subject, .changed = 5, .present = true}};
  batch.updates = {{.time = 5, .change_id = 1, .subject = subject}};
  batch.audit = {audit_entry(3), audit_entry(4), audit_entry(5)};
  batch.change_id = 1;
  return batch;
}

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = open_rocks_store(RocksOptions{.directory = path()});
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->commit(full_batch(), Durability::kSynced));
  }
  std::filesystem::path path() const { return directory_.path() / "store"; }
  // Changes one raw pair behind the store's back; nullopt removes it.
  void damage(const std::string& key, const std::optional<std::string>& value) {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, path().string(), &db).ok());
    const std::unique_ptr<rocksdb::DB> owner(db);
    ASSERT_TRUE((value ? db->Put({}, key, *value) : db->Delete({}, key)).ok());
  }
  void restore() {
    std::filesystem::remove_all(path());
    SetUp();
  }
  VerifyReport verify() {
    const auto report = verify_store(path(), {});
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(VerifyReport{});
  }

  TemporaryDirectory directory_;
};

TEST_F(VerifyTest, CountsWhatIsInASoundStore) {
  const VerifyReport report = verify();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.problem_count, 0U);
  EXPECT_EQ(report.files, 2U);
  EXPECT_EQ(report.pointers, 2U);
  EXPECT_EQ(report.certificates, 1U);
  EXPECT_EQ(report.references, 1U);
  EXPECT_EQ(report.overrides, 1U);
  EXPECT_EQ(report.updates, 1U);
  EXPECT_EQ(report.names, 1U);
  EXPECT_EQ(report.audit.count, 3U);
}

TEST_F(VerifyTest, FindsEachKindOfDamage) {
  const DigestKey subject = strongest_key(hashes(1, 2, 3));
  const DigestKey md5 = strongest_key(hashes(1, 0, 0));
  const DigestKey other = strongest_key(hashes(9, 0, 0));
  const DigestKey unknown = strongest_key(hashes(0, 0, 8));
  const auto pointer = [](const DigestKey& to) { return "p" + std::string(to.view()); };
  struct Case {
    std::string key;
    std::optional<std::string> value;
    const char* expected;
  };
  std::string other_log(32, 'x');
  append_audit_entry(audit_entry(4), other_log);
  const std::vector<Case> cases{
      {digest_key(md5), std::nullopt, "does not lead to this record"},
      {digest_key(md5), pointer(unknown), "pointer to a record that is not there"},
      {digest_key(subject), "r\x02", "damaged at flags"},
      {digest_key(subject), std::nullopt, "pointer to a record that is not there"},
      {digest_key(other), "c", "digest with a damaged value"},
      {digest_key(unknown), pointer(unknown), "stronger digest"},
      {names_key(subject), std::nullopt, "names of the search"},
      {names_key(subject), names_value({"other"}), "names of the search"},
      {names_key(unknown), names_value({"other"}), "digest is not known"},
      {reference_key(subject, "second"), reference_value(4, "second"), "agent is not counted"},
      {reference_key(subject, "agent"), reference_value(4, "nobody"), "another agent"},
      {reference_key(unknown, "agent"), reference_value(4, "agent"), "without a record"},
      {reference_key(other, "agent"), reference_value(4, "agent"), "1 references, 0 in the record"},
      {agent_seen_key("second"), "", "1 agents on record, 2 found"},
      {override_key(subject), std::nullopt, "listed override that is not one"},
      {override_order_key(kSigner, 5, subject), std::nullopt, "not listed under its certificate"},
      {update_key(5, 9), std::string(subject.view()), "not given out yet"},
      {update_key(5, 1), "", "damaged update"},
      {history_key(md5, 2), std::nullopt, "audit entry 2 is not in the history"},
      {history_key(md5, 4), "", "entry that is not there"},
      {history_key(other, 2), "", "concerns another subject"},
      {log_key(1), std::nullopt, "audit entry 1 is missing"},
      {log_key(2), other_log, "audit entry 2 does not fit"},
      {log_key(3), std::nullopt, "audit entry 3 is missing"},
      {std::string(kAuditKey), head_value({.count = 2, .hash = {}}), "not the end of the log"},
      {std::string(kChangeKey), varint_value(0), "not given out yet"},
      {"mnew", "", "unknown key"},
      {"x", "", "unknown family"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.expected);
    restore();
    damage(one.key, one.value);
    const VerifyReport report = verify();
    EXPECT_THAT(report.problems, Contains(HasSubstr(one.expected)));
    EXPECT_GE(report.problem_count, 1U);
  }
}

TEST_F(VerifyTest, FindsADamagedBlock) {
  // Opening turns the log into a table.
  { ASSERT_TRUE(open_rocks_store(RocksOptions{.directory = path()})); }
  std::size_t damaged = 0;
  for (const auto& file : std::filesystem::directory_iterator(path())) {
    if (file.path().extension() != ".sst") continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    table.seekp(40);
    table.put('\x7f').put('\x7f').put('\x7f');
    ++damaged;
  }
  ASSERT_GE(damaged, 1U);
  const VerifyReport report = verify();
  EXPECT_THAT(report.problems, Contains(HasSubstr("orruption")));
}

TEST_F(VerifyTest, KeepsTheFirstProblemsAndCountsAll) {
  {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, path().string(), &db).ok());
    const std::unique_ptr<rocksdb::DB> owner(db);
    for (int i = 0; i < 250; ++i) ASSERT_TRUE(db->Put({}, "x" + std::to_string(i), "").ok());
  }
  const VerifyReport report = verify();
  EXPECT_EQ(report.problems.size(), kMaxProblems);
  EXPECT_EQ(report.problem_count, 250U);
}

TEST_F(VerifyTest, RefusesWhatIsNoStore) {
  const auto missing = verify_store(directory_.path() / "nothing", {});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("there is no store"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "nothing"));
  auto open = open_rocks_store(RocksOptions{.directory = path()});
  ASSERT_TRUE(open);
  const auto busy = verify_store(path(), {});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, dxl::ErrorCode::kInUse);
}

}  // namespace
}  // namespace tiara::store
