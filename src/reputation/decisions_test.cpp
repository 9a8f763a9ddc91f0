// One test per row of TIE reference §12.2 that the engine decides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/certificates.hpp"
#include "reputation/composite.hpp"
#include "reputation/test_records.hpp"
#include "reputation/updates_pager.hpp"

namespace tiara::reputation {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using tie::Provider;
using tie::TrustLevel;

constexpr auto kBad = TrustLevel::kKnownMalicious;
constexpr auto kGood = TrustLevel::kKnownTrusted;
constexpr auto kNone = TrustLevel::kNotSet;
const tie::FileHashes kFile = hashes(1, 2, 3);

tie::ExternalReport report(TrustLevel level, std::string filename = "") {
  return tie::ExternalReport{.hashes = kFile,
                             .trust_level = level,
                             .file_type = tie::FileType::kPeexe,
                             .filename = std::move(filename),
                             .comment = "seen"};
}

Outcome set(TrustLevel level, const Known& known, std::int64_t now = kNow) {
  return apply_set(kFile, level, "a.exe", "why", now, known);
}
Outcome external(TrustLevel level, const Known& known, std::int64_t now = kNow) {
  return apply_external(report(level), now, Settings{}, known);
}
LookupOutcome lookup(const Known& known) {
  return apply_endpoint_lookup(kFile, {}, kNow, true, 1, Settings{}, known);
}
tie::Reputations answer(const FileRecord* subject) {
  return make_answer(subject, AnswerContext{.now = kNow});
}
std::vector<Provider> providers(const tie::Reputations& answer) {
  std::vector<Provider> result;
  for (const tie::Reputation& entry : answer.entries) result.push_back(entry.provider);
  return result;
}

TEST(Decisions, L1_ExternalIsStoredBesideAnyVerdictAndTheCompositeIgnoresIt) {
  const FileRecord before =
      record(kFile, {entry(Provider::kEnterprise, kGood), entry(Provider::kAtd, kGood)});
  const Outcome outcome = external(kBad, known({&before}));
  ASSERT_EQ(outcome.events.size(), 1U);
  const FileRecord& after = outcome.events[0].after;
  EXPECT_EQ(after.level(Provider::kExternal), kBad);
  EXPECT_EQ(*after.find(Provider::kEnterprise), *before.find(Provider::kEnterprise));
  EXPECT_EQ(*after.find(Provider::kAtd), *before.find(Provider::kAtd));
  EXPECT_THAT(providers(answer(&after)), Contains(Provider::kExternal));
  EXPECT_EQ(explain_file(&after, nullptr).provider, Provider::kEnterprise);
}

TEST(Decisions, L2_AnEmptyNameIsAcceptedAndGivesNoNewName) {
  const Outcome outcome = external(kBad, {});
  ASSERT_EQ(outcome.store.size(), 1U);
  EXPECT_THAT(outcome.store[0].names, IsEmpty());
}

TEST(Decisions, L3_LevelZeroRemovesWhatThereIsAndCreatesNothing) {
  const FileRecord before =
      record(kFile, {entry(Provider::kEnterprise, kGood), entry(Provider::kExternal, kBad)});
  const Outcome override_gone = set(kNone, known({&before}));
  ASSERT_EQ(override_gone.events.size(), 1U);
  ASSERT_NE(override_gone.events[0].after.find(Provider::kEnterprise), nullptr);
  EXPECT_EQ(override_gone.events[0].after.level(Provider::kEnterprise), kNone);
  const Outcome external_gone = external(kNone, known({&before}));
  ASSERT_EQ(external_gone.events.size(), 1U);
  EXPECT_EQ(external_gone.events[0].after.find(Provider::kExternal), nullptr);

  EXPECT_EQ(set(kNone, {}), Outcome{});
  EXPECT_EQ(external(kNone, {}), Outcome{});
  const FileRecord plain = record(kFile);
  EXPECT_THAT(set(kNone, known({&plain})).events, IsEmpty());
  EXPECT_EQ(external(kNone, known({&plain})), Outcome{});
}

TEST(Decisions, L4_APureReadGetsTheSameAnswerAndIsNotAskedForMetadata) {
  const FileRecord subject = record(kFile, {entry(Provider::kExternal, kBad)});
  AnswerContext asked{.now = kNow, .submit_metadata = wants_metadata(&subject)};
  tie::Reputations counted = make_answer(&subject, asked);
  EXPECT_TRUE(counted.submit_metadata);
  counted.submit_metadata = false;
  EXPECT_EQ(answer(&subject), counted);
}

TEST(Decisions, L5_AnUnknownSubjectIsAnsweredAndWritesCreateIt) {
  const tie::Reputations unknown = answer(nullptr);
  EXPECT_THAT(providers(unknown), ElementsAre(Provider::kGti, Provider::kEnterprise));
  for (const tie::Reputation& entry : unknown.entries) {
    EXPECT_EQ(entry.trust_level, kNone);
    EXPECT_EQ(entry.create_date, kNow);
  }
  tie::FileMetadata metadata;
  metadata.hashes = kFile;
  EXPECT_EQ(set(kGood, {}).store.size(), 1U);
  EXPECT_EQ(external(kBad, {}).store.size(), 1U);
  EXPECT_EQ(lookup({}).outcome.store.size(), 1U);
  EXPECT_EQ(apply_metadata(metadata, kNow, Settings{}, {}).outcome.store.size(), 1U);
}

// What the service sends is make_answer() of both sides of the change.
TEST(Decisions, L6_AChangeHasBothCompleteSnapshotsAndAllDigests) {
  FileRecord before = record(kFile, {entry(Provider::kExternal, kBad)});
  before.signer = certificate(7, 8);
  const Outcome outcome = apply_set(hashes(1, 0, 0), kGood, "", "", kNow, known({&before}));
  ASSERT_EQ(outcome.events.size(), 1U);
  const Change& change = outcome.events[0];
  EXPECT_EQ(change.before, before);
  EXPECT_EQ(change.after.hashes, kFile);
  EXPECT_EQ(change.after.signer, certificate(7, 8));
  EXPECT_THAT(providers(answer(&*change.before)),
              ElementsAre(Provider::kGti, Provider::kEnterprise, Provider::kExternal));
  EXPECT_THAT(providers(answer(&change.after)),
              ElementsAre(Provider::kGti, Provider::kEnterprise, Provider::kExternal));
  EXPECT_FALSE(answer(&change.after).overridden);
  EXPECT_EQ(set(kGood, {}).events[0].before, std::nullopt);
}

TEST(Decisions, L7_CreateDateIsTheTimeOfTheLastLevelChange) {
  const FileRecord never = record(kFile);
  EXPECT_EQ(answer(&never).entries[1].create_date, kCreated);
  const FileRecord first = set(kGood, known({&never}), kNow).store[0];
  EXPECT_EQ(answer(&first).entries[0].create_date, kCreated);
  EXPECT_EQ(answer(&first).entries[1].create_date, kNow);
  const FileRecord same = set(kGood, known({&first}), kNow + kSecondsPerDay).store[0];
  EXPECT_EQ(answer(&same).entries[1].create_date, kNow);
  const FileRecord removed = set(kNone, known({&same}), kNow + 9).store[0];
  EXPECT_EQ(answer(&removed).entries[1].create_date, kNow + 9);
  EXPECT_EQ(removed.first_contact, kCreated);

  const FileRecord reported = record(kFile, {entry(Provider::kExternal, kBad, kCreated)});
  EXPECT_EQ(external(kBad, known({&reported})).store[0].entries[0].create_date, kNow);
}

TEST(Decisions, L8_OnlyTrustedWritersTieDigestsToAnOverride) {
  const FileRecord overridden = record(hashes(1, 0, 0), {entry(Provider::kEnterprise, kGood)});
  const FileRecord other = record(hashes(0, 0, 3));
  const Known both = known({&overridden, &other});
  const Outcome reported = external(kBad, both);
  ASSERT_EQ(reported.store.size(), 2U);
  EXPECT_EQ(reported.store[0].hashes, hashes(0, 0, 3));
  EXPECT_EQ(reported.store[0].level(Provider::kEnterprise), kNone);
  // Nevertheless the answer for all of them shows the override.
  const Match match = match_records(kFile, both.records);
  EXPECT_EQ(merge_matched(match, both.records, {})->level(Provider::kEnterprise), kGood);
  const Outcome taught = set(kBad, both);
  ASSERT_EQ(taught.store.size(), 1U);
  EXPECT_EQ(taught.store[0].hashes, kFile);
}

TEST(Decisions, L9_FirstInstanceOnceAtTheFirstLookupHoweverTheRecordCameToBe) {
  const FileRecord created = set(kGood, {}).store[0];
  const LookupOutcome first = lookup(known({&created}));
  EXPECT_TRUE(first.first_instance);
  EXPECT_FALSE(lookup(known({&first.record})).first_instance);
}

TEST(Decisions, L12_TheSameLevelAgainIsNoEvent) {
  const FileRecord before =
      record(kFile, {entry(Provider::kEnterprise, kGood), entry(Provider::kExternal, kBad)});
  const Outcome again = set(kGood, known({&before}));
  EXPECT_THAT(again.events, IsEmpty());
  EXPECT_EQ(again.store[0].entries[0], entry(Provider::kEnterprise, kGood, kCreated, "why"));
  EXPECT_THAT(again.store[0].names, ElementsAre("a.exe"));
  const Outcome reported =
      apply_external(report(kBad, "b.exe"), kNow, Settings{}, known({&before}));
  EXPECT_THAT(reported.events, IsEmpty());
  EXPECT_EQ(reported.store[0].entries[1], entry(Provider::kExternal, kBad, kNow, "seen"));
  EXPECT_THAT(reported.store[0].names, ElementsAre("b.exe"));
  EXPECT_EQ(reported.store[0].file_type, 18U);
}

TEST(Decisions, L16_TheSameMessageAtAnotherInstanceChangesNothing) {
  const FileRecord after_set = set(kGood, {}).store[0];
  EXPECT_EQ(set(kGood, known({&after_set})), Outcome{});
  const FileRecord after_report = external(kBad, {}).store[0];
  EXPECT_EQ(external(kBad, known({&after_report})), Outcome{});
  const tie::SandboxReport verdict{
      .hashes = kFile, .trust_level = kBad, .filename = "", .size = {}, .attributes = {}};
  const FileRecord after_verdict = apply_sandbox(verdict, kNow, Settings{}, {}).store[0];
  EXPECT_EQ(apply_sandbox(verdict, kNow, Settings{}, known({&after_verdict})), Outcome{});
  const tie::SetCertReputation cert_set{
      .certificate = certificate(1), .trust_level = kBad, .comment = ""};
  const CertRecord after_cert = *apply_cert_set(cert_set, kNow, nullptr).store;
  EXPECT_EQ(apply_cert_set(cert_set, kNow, &after_cert), CertOutcome{});
}

TEST(Decisions, L18_TheAttributeTellsTheTruthWhateverTheLimit) {
  const std::pair<std::string, std::string> yes("2122901", "1");
  const std::pair<std::string, std::string> no("2122901", "0");
  const AnswerContext asked{.now = kNow};
  EXPECT_THAT(make_cert_answer(nullptr, asked, {}).entries[1].attributes, Contains(no));
  const tie::OverriddenFiles some{.files = {kFile}, .truncated = true};
  EXPECT_THAT(make_cert_answer(nullptr, asked, some).entries[1].attributes, Contains(yes));
  EXPECT_EQ(make_cert_answer(nullptr, asked, some).overridden, some);
  EXPECT_THAT(
      make_cert_answer(nullptr, asked, {.files = {}, .truncated = true}).entries[1].attributes,
      Contains(yes));
}

TEST(Decisions, L19_PrevalentFromTheNumberAndTheShareOn) {
  const Settings settings;
  EXPECT_FALSE(is_prevalent(125, 125, settings));
  EXPECT_FALSE(is_prevalent(199, 200, settings));
  EXPECT_TRUE(is_prevalent(200, 20'000, settings));
  EXPECT_FALSE(is_prevalent(200, 20'001, settings));
}

TEST(Decisions, L20_WithoutOverrideUnusedForAYearIsPurged) {
  FileRecord subject = record(kFile, {entry(Provider::kExternal, kBad)});
  const std::int64_t later = kCreated + 367 * kSecondsPerDay;
  EXPECT_TRUE(apply_age(subject, later, Settings{}).purge);
  EXPECT_FALSE(apply_age(subject, kCreated + 364 * kSecondsPerDay, Settings{}).purge);
  entry_of(subject.entries, Provider::kEnterprise).trust_level = TrustLevel::kUnknown;
  EXPECT_FALSE(apply_age(subject, later, Settings{}).purge);
  CertRecord cert = cert_record(certificate(1));
  EXPECT_TRUE(cert_is_aged(cert, later, Settings{}));
  entry_of(cert.entries, Provider::kCertEnterprise).trust_level = kBad;
  EXPECT_FALSE(cert_is_aged(cert, later, Settings{}));
}

TEST(Decisions, L21_EveryRemediationIsADetectionKnownFileOrNot) {
  tie::FileMetadata metadata;
  metadata.hashes = kFile;
  EXPECT_FALSE(apply_metadata(metadata, kNow, Settings{}, {}).detection);
  metadata.remediation = 5;
  const MetadataOutcome unknown = apply_metadata(metadata, kNow, Settings{}, {});
  EXPECT_TRUE(unknown.detection);
  const MetadataOutcome again =
      apply_metadata(metadata, kNow, Settings{}, known({&unknown.record}));
  EXPECT_TRUE(again.detection);
  EXPECT_EQ(again.record.details.detection_count, 2U);
  EXPECT_THAT(again.outcome.events, IsEmpty());
}

TEST(Decisions, L22_PagesAreWholeSecondsAndEndLaterThanTheyBegan) {
  UpdatesPager pager(5, 2);
  for (std::uint8_t i = 1; i <= 3; ++i)
    EXPECT_TRUE(pager.add({5, i, DigestKey(digest<tie::Md5>(i))}));
  EXPECT_TRUE(pager.add({6, 4, DigestKey(digest<tie::Md5>(4))}));
  EXPECT_FALSE(pager.add({7, 5, DigestKey(digest<tie::Md5>(5))}));
  const UpdatesPage page = std::move(pager).finish();
  EXPECT_EQ(page.subjects.size(), 4U);
  EXPECT_EQ(page.latest_update_time, 6);
  EXPECT_TRUE(page.more);
}

TEST(Decisions, L23_TheFirstPublicKeyOfACertificateIsKept) {
  const CertRecord before = cert_record(certificate(1, 5));
  const CertOutcome outcome =
      apply_cert_lookup(certificate(1, 6), kNow, true, 1, Settings{}, &before);
  EXPECT_EQ(outcome.store->certificate, certificate(1, 5));
  EXPECT_TRUE(outcome.conflict);
}

TEST(Decisions, L24_FileLookupsStoreTheRelationAndCertificateLookupsCount) {
  const LookupOutcome file =
      apply_endpoint_lookup(kFile, certificate(7), kNow, true, 1, Settings{}, {});
  EXPECT_EQ(file.record.signer, certificate(7));
  const CertOutcome cert = apply_cert_lookup(certificate(7), kNow, true, 1, Settings{}, nullptr);
  EXPECT_EQ(cert.store->reference_count, 1U);
  EXPECT_EQ(apply_cert_lookup(certificate(7), kNow, false, 1, Settings{}, &*cert.store).store,
            std::nullopt);
}

}  // namespace
}  // namespace tiara::reputation
