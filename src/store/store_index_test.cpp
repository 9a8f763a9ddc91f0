// What both stores find by other ways than a digest: certificates, log, updates, overrides, names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"
#include "store/audit_codec.hpp"
#include "store/either_store.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {
namespace {

using reputation::DigestKey;
using reputation::FileRecord;
using reputation::hashes;
using reputation::strongest_key;
using testing::ElementsAre;
using testing::IsEmpty;

const tie::Sha1 kSigner = reputation::digest<tie::Sha1>(7);
const DigestKey kSignerKey = DigestKey::of_certificate(kSigner);

class StoreIndexTest : public EitherStoreTest {
 protected:
  std::vector<std::uint64_t> history(const std::vector<DigestKey>& digests, std::size_t limit) {
    std::vector<std::uint64_t> numbers;
    const auto found = store_->history(digests, limit);
    for (const NumberedAuditEntry& entry : *found) numbers.push_back(entry.number);
    return numbers;
  }
  std::vector<std::uint64_t> updates_since(std::int64_t since) {
    std::vector<std::uint64_t> ids;
    EXPECT_TRUE(store_->read_updates(since, [&](const Batch::Update& update) {
      ids.push_back(update.change_id);
      return true;
    }));
    return ids;
  }
  std::vector<tie::FileHashes> search(std::string_view text) {
    return store_->search_names(text, 100, 100).value().files;
  }
};

FileRecord signed_file(std::uint8_t digest) {
  FileRecord file = reputation::record(
      hashes(0, 0, digest),
      {reputation::entry(tie::Provider::kEnterprise, tie::TrustLevel::kKnownTrusted)});
  file.signer = tie::Certificate{.sha1 = kSigner};
  return file;
}
Batch::SignedOverride override_of(const FileRecord& file, std::int64_t changed,
                                  bool present = true) {
  return {.certificate = kSigner,
          .file = strongest_key(file.hashes),
          .changed = changed,
          .present = present};
}
AuditEntry log_entry(const tie::FileHashes& subject, std::int64_t time = 1) {
  return {.kind = AuditKind::kMerge, .time = time, .hashes = subject, .comment = "why"};
}

TEST_P(StoreIndexTest, KeepsCertificatesApartFromFilesWithTheSameDigest) {
  reputation::CertRecord certificate;
  certificate.certificate = {.sha1 = kSigner, .public_key_sha1 = reputation::digest<tie::Sha1>(8)};
  certificate.details.subject = "CN=somebody";
  Batch batch;
  batch.put_certificates = {certificate};
  batch.references = {{.subject = kSignerKey, .agent = "Agent", .time = 3}};
  commit(batch);
  EXPECT_EQ(store_->find_certificate(kSigner).value(), certificate);
  EXPECT_THAT(store_->find(hashes(0, 7, 0)).value(), IsEmpty());
  EXPECT_TRUE(store_->has_reference(kSignerKey, "agent").value());
  EXPECT_FALSE(store_->has_reference(strongest_key(hashes(0, 7, 0)), "agent").value());
  EXPECT_EQ(store_->find_certificate(reputation::digest<tie::Sha1>(8)).value(), std::nullopt);

  Batch removal;
  removal.remove_certificates = {kSigner};
  commit(removal);
  EXPECT_EQ(store_->find_certificate(kSigner).value(), std::nullopt);
  EXPECT_EQ(store_->count_references({kSignerKey}).value(), 0U);
}

TEST_P(StoreIndexTest, ListsTheEarliestReferencesOverAllSubjects) {
  const DigestKey one = strongest_key(hashes(1, 0, 0));
  const DigestKey other = strongest_key(hashes(2, 0, 0));
  Batch batch;
  batch.references = {{.subject = one, .agent = "B", .time = 30},
                      {.subject = one, .agent = "A", .time = 30},
                      {.subject = one, .agent = "Late", .time = 40},
                      {.subject = other, .agent = "late", .time = 10},
                      {.subject = other, .agent = "C", .time = 20}};
  commit(batch);
  const ReferenceList of_one = store_->references({one}, 2).value();
  EXPECT_EQ(of_one.total, 3U);
  EXPECT_THAT(of_one.first, ElementsAre(tie::FirstReference{.agent_guid = "A", .date = 30},
                                        tie::FirstReference{.agent_guid = "B", .date = 30}));
  const ReferenceList of_both = store_->references({one, other}, 2).value();
  EXPECT_EQ(of_both.total, 4U);
  EXPECT_THAT(of_both.first, ElementsAre(tie::FirstReference{.agent_guid = "late", .date = 10},
                                         tie::FirstReference{.agent_guid = "C", .date = 20}));
}

TEST_P(StoreIndexTest, MovedReferencesKeepTheEarliestDateWithinOneBatch) {
  Batch first;
  first.references = {{.subject = strongest_key(hashes(1, 0, 0)), .agent = "Agent", .time = 10}};
  commit(first);
  // Two moves after each other, and the same system again.
  Batch batch;
  batch.moves = {{.from = hashes(1, 0, 0), .to = hashes(1, 2, 0)},
                 {.from = hashes(1, 2, 0), .to = hashes(1, 2, 3)}};
  batch.references = {{.subject = strongest_key(hashes(0, 0, 3)), .agent = "AGENT", .time = 50}};
  commit(batch);
  const ReferenceList list = store_->references({strongest_key(hashes(0, 0, 3))}, 9).value();
  EXPECT_EQ(list.total, 1U);
  EXPECT_THAT(list.first, ElementsAre(tie::FirstReference{.agent_guid = "Agent", .date = 10}));
  EXPECT_EQ(store_->count_references({strongest_key(hashes(0, 2, 0))}).value(), 0U);
}

TEST_P(StoreIndexTest, CountsAgentsThatOnlySentMetadata) {
  Batch batch;
  batch.agents = {"Agent", "AGENT", "other"};
  commit(batch);
  EXPECT_EQ(store_->enterprise_size(), 2U);
}

TEST_P(StoreIndexTest, ListsOverriddenFilesNewestChangeFirst) {
  const FileRecord old_one = signed_file(1), newer = signed_file(2), newest = signed_file(3);
  Batch batch;
  batch.put = {old_one, newer, newest};
  batch.overrides = {override_of(newer, 20), override_of(old_one, -5), override_of(newest, 30)};
  commit(batch);
  const tie::OverriddenFiles all = store_->overridden(kSigner, 3).value();
  EXPECT_THAT(all.files, ElementsAre(newest.hashes, newer.hashes, old_one.hashes));
  EXPECT_FALSE(all.truncated);
  const tie::OverriddenFiles two = store_->overridden(kSigner, 2).value();
  EXPECT_THAT(two.files, ElementsAre(newest.hashes, newer.hashes));
  EXPECT_TRUE(two.truncated);
  EXPECT_THAT(store_->overridden(reputation::digest<tie::Sha1>(8), 9).value().files, IsEmpty());
}

TEST_P(StoreIndexTest, ALaterOverrideOfAFileReplacesTheEarlierOne) {
  const FileRecord one = signed_file(1), other = signed_file(2);
  Batch batch;
  batch.put = {one, other};
  batch.overrides = {override_of(one, 10), override_of(other, 20)};
  commit(batch);
  Batch change;
  change.overrides = {override_of(one, 30)};
  commit(change);
  EXPECT_THAT(store_->overridden(kSigner, 9).value().files, ElementsAre(one.hashes, other.hashes));
  Batch removal;
  removal.overrides = {override_of(one, 99, false)};  // whatever time it names
  commit(removal);
  EXPECT_THAT(store_->overridden(kSigner, 9).value().files, ElementsAre(other.hashes));
}

TEST_P(StoreIndexTest, AnOverrideIsListedOnlyIfTheRecordSaysSo) {
  FileRecord level_gone = signed_file(1), other_signer = signed_file(2), rekeyed = signed_file(3);
  level_gone.entries[0].trust_level = tie::TrustLevel::kNotSet;
  other_signer.signer->sha1 = reputation::digest<tie::Sha1>(8);
  Batch batch;
  batch.overrides = {override_of(level_gone, 1), override_of(other_signer, 2),
                     override_of(signed_file(4), 3)};
  rekeyed.hashes = hashes(0, 5, 0);
  batch.overrides.push_back(override_of(rekeyed, 4));
  rekeyed.hashes = hashes(0, 5, 3);
  batch.overrides.push_back(override_of(rekeyed, 5));
  batch.put = {level_gone, other_signer, rekeyed};
  commit(batch);
  const tie::OverriddenFiles found = store_->overridden(kSigner, 1).value();
  EXPECT_THAT(found.files, ElementsAre(rekeyed.hashes));  // once
  EXPECT_FALSE(found.truncated);
  Batch removal;
  removal.remove = {rekeyed};
  commit(removal);
  EXPECT_THAT(store_->overridden(kSigner, 9).value().files, IsEmpty());
}

TEST_P(StoreIndexTest, UpdatesComeByTimeAndIdFromTheGivenSecondOn) {
  const DigestKey subject = strongest_key(hashes(1, 0, 0));
  Batch batch;
  batch.updates = {{.time = 20, .change_id = 3, .subject = kSignerKey},
                   {.time = -1, .change_id = 1, .subject = subject},
                   {.time = 20, .change_id = 2, .subject = subject},
                   {.time = 300, .change_id = 4, .subject = subject}};
  commit(batch);
  EXPECT_THAT(updates_since(-1), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(updates_since(20), ElementsAre(2, 3, 4));
  EXPECT_THAT(updates_since(301), IsEmpty());
  std::vector<DigestKey> subjects;
  ASSERT_TRUE(store_->read_updates(20, [&](const Batch::Update& update) {
    subjects.push_back(update.subject);
    return subjects.size() < 2;
  }));
  EXPECT_THAT(subjects, ElementsAre(subject, kSignerKey));
}

TEST_P(StoreIndexTest, HistoryIsUnderEveryDigestNewestFirst) {
  AuditEntry of_certificate = log_entry(hashes(0, 7, 0));
  of_certificate.is_certificate = true;
  Batch batch;
  batch.audit = {log_entry(hashes(1, 0, 0)), log_entry(hashes(1, 2, 3)), of_certificate,
                 log_entry(hashes(0, 0, 9))};
  commit(batch);
  EXPECT_THAT(history({strongest_key(hashes(1, 0, 0))}, 9), ElementsAre(2, 1));
  EXPECT_THAT(history({strongest_key(hashes(0, 2, 0))}, 9), ElementsAre(2));
  EXPECT_THAT(history({kSignerKey}, 9), ElementsAre(3));
  const std::vector<DigestKey> several{strongest_key(hashes(0, 0, 9)),
                                       strongest_key(hashes(1, 0, 0)),
                                       strongest_key(hashes(0, 0, 3))};
  EXPECT_THAT(history(several, 9), ElementsAre(4, 2, 1));
  EXPECT_THAT(history(several, 2), ElementsAre(4, 2));
  EXPECT_THAT(history({strongest_key(hashes(0, 7, 0))}, 9), IsEmpty());
}

TEST_P(StoreIndexTest, TheLogIsAChainAcrossBatches) {
  std::vector<AuditEntry> entries;
  AuditHash hash{};
  for (std::int64_t n = 1; n <= 5; ++n) {
    entries.push_back(log_entry(hashes(1, 0, 0), n));
    Batch batch;
    batch.audit = {entries.back()};
    commit(batch);
    std::string encoded;
    append_audit_entry(entries.back(), encoded);
    hash = chain_hash(hash, encoded).value();
  }
  EXPECT_EQ(store_->audit_head(), (AuditHead{.count = 5, .hash = hash}));
  std::vector<AuditEntry> read;
  ASSERT_TRUE(store_->read_audit(3, [&](const NumberedAuditEntry& entry) {
    read.push_back(entry.entry);
    EXPECT_EQ(entry.number, read.size() + 2);
    return true;
  }));
  EXPECT_EQ(read, std::vector<AuditEntry>(entries.begin() + 2, entries.end()));
}

TEST_P(StoreIndexTest, SearchFindsNamesWithoutRegardToCaseAndSaysWhenItStopped) {
  FileRecord one = reputation::record(hashes(1, 0, 0));
  one.names = {"Setup.EXE", "other"};
  FileRecord two = reputation::record(hashes(2, 0, 0));
  two.names = {"my setup.exe"};
  Batch batch;
  batch.put = {one, two, reputation::record(hashes(3, 0, 0))};
  commit(batch);
  EXPECT_THAT(search("SETUP.exe"), ElementsAre(one.hashes, two.hashes));
  EXPECT_THAT(search("other"), ElementsAre(one.hashes));
  EXPECT_THAT(search("nothing"), IsEmpty());
  EXPECT_FALSE(store_->search_names("setup", 2, 100)->truncated);
  EXPECT_TRUE(store_->search_names("setup", 1, 100)->truncated);
  EXPECT_TRUE(store_->search_names("nothing", 9, 2)->truncated);
  Batch removal;
  removal.remove = {one};
  commit(removal);
  EXPECT_THAT(search("setup"), ElementsAre(two.hashes));
}

TEST_P(StoreIndexTest, SearchFollowsARecordToItsStrongerDigest) {
  FileRecord file = reputation::record(hashes(1, 0, 0));
  file.names = {"name"};
  Batch batch;
  batch.put = {file};
  commit(batch);
  file.hashes = hashes(1, 0, 3);
  batch.put = {file};
  commit(batch);
  EXPECT_THAT(search("name"), ElementsAre(file.hashes));
}

TEST_P(StoreIndexTest, ScansRecordsInOrderFromAnyPlace) {
  Batch batch;
  batch.put = {reputation::record(hashes(0, 0, 1)), reputation::record(hashes(9, 0, 2)),
               reputation::record(hashes(5, 0, 0))};
  batch.put_certificates.resize(1);
  batch.put_certificates[0].certificate.sha1 = kSigner;
  commit(batch);
  const auto scan = [&](const std::optional<DigestKey>& after) {
    std::vector<tie::FileHashes> found;
    EXPECT_TRUE(store_->scan_files(after, [&](const FileRecord& file) {
      found.push_back(file.hashes);
      return true;
    }));
    return found;
  };
  EXPECT_THAT(scan(std::nullopt), ElementsAre(hashes(5, 0, 0), hashes(0, 0, 1), hashes(9, 0, 2)));
  EXPECT_THAT(scan(strongest_key(hashes(0, 0, 1))), ElementsAre(hashes(9, 0, 2)));
  EXPECT_THAT(scan(strongest_key(hashes(6, 0, 0))), ElementsAre(hashes(0, 0, 1), hashes(9, 0, 2)));
}

TEST_P(StoreIndexTest, RefusesMembersItCannotStore) {
  std::vector<std::pair<const char*, Batch>> cases(8);
  cases[0].first = "update without a subject";
  cases[0].second.updates.resize(1);
  cases[1].first = "override of a certificate";
  cases[1].second.overrides = {
      {.certificate = kSigner, .file = kSignerKey, .changed = 1, .present = true}};
  cases[2].first = "audit entry without a digest";
  cases[2].second.audit.resize(1);
  cases[3].first = "audit entry of an unknown kind";
  cases[3].second.audit = {log_entry(hashes(1, 0, 0))};
  cases[3].second.audit[0].kind = AuditKind{9};
  cases[4].first = "long comment in an audit entry";
  cases[4].second.audit = {log_entry(hashes(1, 0, 0))};
  cases[4].second.audit[0].comment.assign(kMaxTextBytes + 1, 'x');
  cases[5].first = "long text of a certificate";
  cases[5].second.put_certificates.resize(1);
  cases[5].second.put_certificates[0].details.issuer.assign(kMaxTextBytes + 1, 'x');
  cases[6].first = "too many paths";
  cases[6].second.put = {reputation::record(hashes(1, 0, 0))};
  cases[6].second.put[0].details.paths.resize(reputation::kMaxPaths + 1);
  cases[7].first = "empty agent";
  cases[7].second.agents = {""};
  for (auto& [name, batch] : cases) {
    SCOPED_TRACE(name);
    batch.change_id = 9;
    const dxl::Result<void> committed = store_->commit(batch, Durability::kSynced);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, dxl::ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->last_change_id(), 0U);
    EXPECT_EQ(store_->audit_head(), AuditHead{});
  }
}

INSTANTIATE_TEST_SUITE_P(Both, StoreIndexTest, testing::Values(Kind::kMemory, Kind::kRocks),
                         kind_name);

}  // namespace
}  // namespace tiara::store
