#include "reputation/certificates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using testing::IsEmpty;
using tie::Provider;
using tie::TrustLevel;

constexpr auto kBad = TrustLevel::kKnownMalicious;
constexpr auto kGood = TrustLevel::kKnownTrusted;

tie::SetCertReputation set(TrustLevel level, std::string comment = "") {
  return {.certificate = certificate(1), .trust_level = level, .comment = std::move(comment)};
}

CertRecord touched(CertRecord subject) {
  touch(subject.last_used, kNow);
  return subject;
}

TEST(CertSet, CreatesAnUnknownCertificateWithOneEvent) {
  CertRecord expected =
      touched(cert_record(certificate(1), {entry(Provider::kCertEnterprise, kGood, kNow, "why")}));
  expected.created = expected.first_contact = kNow;
  EXPECT_EQ(apply_cert_set(set(kGood, "why"), kNow, nullptr),
            (CertOutcome{.store = expected,
                         .event = CertChange{.before = std::nullopt, .after = expected}}));
}

TEST(CertSet, ReplacesLevelDateAndComment) {
  const CertRecord before =
      cert_record(certificate(1), {entry(Provider::kCertEnterprise, kGood, kCreated, "old")});
  CertRecord expected = touched(before);
  expected.entries = {entry(Provider::kCertEnterprise, kBad, kNow)};
  EXPECT_EQ(
      apply_cert_set(set(kBad), kNow, &before),
      (CertOutcome{.store = expected, .event = CertChange{.before = before, .after = expected}}));
}

TEST(CertSet, TheSameLevelStoresTheCommentAlone) {
  const CertRecord before =
      cert_record(certificate(1), {entry(Provider::kCertEnterprise, kGood, kCreated, "old")});
  CertRecord expected = touched(before);
  expected.entries[0].comment = "new";
  EXPECT_EQ(apply_cert_set(set(kGood, "new"), kNow, &before),
            (CertOutcome{.store = expected, .event = {}}));
}

TEST(CertSet, LevelZeroRemovesTheOverrideAndKeepsTheEntry) {
  const CertRecord before = cert_record(certificate(1), {entry(Provider::kCertEnterprise, kGood)});
  const CertOutcome outcome = apply_cert_set(set(TrustLevel::kNotSet), kNow, &before);
  ASSERT_TRUE(outcome.event);
  EXPECT_EQ(outcome.event->after.entries,
            std::vector{entry(Provider::kCertEnterprise, TrustLevel::kNotSet, kNow)});
  EXPECT_EQ(apply_cert_set(set(TrustLevel::kNotSet), kNow, nullptr), CertOutcome{});
  const CertRecord none = cert_record(certificate(1));
  EXPECT_EQ(apply_cert_set(set(TrustLevel::kNotSet), kCreated, &none), CertOutcome{});
}

TEST(CertSet, BelievesTheFirstPublicKeyOnly) {
  const CertRecord before = cert_record(certificate(1));
  tie::SetCertReputation named = set(kGood);
  named.certificate = certificate(1, 5);
  const CertOutcome learned = apply_cert_set(named, kNow, &before);
  EXPECT_EQ(learned.store->certificate, certificate(1, 5));
  EXPECT_FALSE(learned.conflict);
  named.certificate = certificate(1, 6);
  const CertOutcome other = apply_cert_set(named, kNow, &*learned.store);
  EXPECT_EQ(other, (CertOutcome{.store = {}, .event = {}, .conflict = true}));
}

TEST(CertMetadata, DescribesWithoutAnEvent) {
  tie::CertMetadata given;
  given.certificate = certificate(1, 2);
  given.algorithm = "sha1RSA";
  given.subject_name = "name";
  given.subject = "CN=name";
  given.issuer = "issuer";
  given.issuer_dn = "CN=issuer";
  given.serial_number = std::string("\x61\x00\x15", 3);
  given.issuer_sha1 = digest<tie::Sha1>(3);
  given.issuer_public_key_sha1 = digest<tie::Sha1>(4);
  given.valid_from = 10;
  given.valid_to = 20;
  CertRecord expected = touched(cert_record(certificate(1, 2)));
  expected.created = expected.first_contact = kNow;
  expected.details = CertDetails{.described = true,
                                 .algorithm = "sha1RSA",
                                 .subject_name = "name",
                                 .subject = "CN=name",
                                 .issuer = "issuer",
                                 .issuer_dn = "CN=issuer",
                                 .serial_number = std::string("\x61\x00\x15", 3),
                                 .issuer_sha1 = digest<tie::Sha1>(3),
                                 .issuer_public_key_sha1 = digest<tie::Sha1>(4),
                                 .valid_from = 10,
                                 .valid_to = 20};
  EXPECT_EQ(apply_cert_metadata(given, kNow, nullptr),
            (CertOutcome{.store = expected, .event = {}}));
  // What a later report leaves out stays.
  tie::CertMetadata later;
  later.certificate = certificate(1);
  EXPECT_EQ(apply_cert_metadata(later, kNow, &expected), CertOutcome{});
}

TEST(CertLookup, CountsEachSystemOnce) {
  const CertOutcome first = apply_cert_lookup(certificate(1), kNow, true, 1, Settings{}, nullptr);
  ASSERT_TRUE(first.store);
  EXPECT_EQ(first.store->reference_count, 1U);
  EXPECT_EQ(first.event, std::nullopt);
  EXPECT_EQ(apply_cert_lookup(certificate(1), kNow, false, 1, Settings{}, &*first.store),
            CertOutcome{});
}

TEST(CertLookup, BecomesPrevalentAsFilesDo) {
  CertRecord before = cert_record(certificate(1));
  before.reference_count = 198;
  const CertOutcome below =
      apply_cert_lookup(certificate(1), kNow, true, 20'000, Settings{}, &before);
  EXPECT_FALSE(below.store->prevalent);
  const CertOutcome at =
      apply_cert_lookup(certificate(1), kNow, true, 20'000, Settings{}, &*below.store);
  EXPECT_TRUE(at.store->prevalent);
  const CertOutcome after =
      apply_cert_lookup(certificate(1), kNow, true, 1'000'000, Settings{}, &*at.store);
  EXPECT_TRUE(after.store->prevalent);
}

TEST(CertAge, OverridesStay) {
  CertRecord subject = cert_record(certificate(1));
  subject.last_used = 0;
  const Settings settings;
  EXPECT_FALSE(cert_is_aged(subject, 366 * kSecondsPerDay - 1, settings));
  EXPECT_TRUE(cert_is_aged(subject, 366 * kSecondsPerDay, settings));
  entry_of(subject.entries, Provider::kCertEnterprise).trust_level = TrustLevel::kUnknown;
  EXPECT_FALSE(cert_is_aged(subject, 366 * kSecondsPerDay, settings));
}

TEST(CertWantsMetadata, UntilDescribedAndPrevalent) {
  EXPECT_TRUE(wants_metadata(static_cast<const CertRecord*>(nullptr)));
  CertRecord subject = cert_record(certificate(1));
  subject.details.described = true;
  EXPECT_TRUE(wants_metadata(&subject));
  subject.prevalent = true;
  EXPECT_FALSE(wants_metadata(&subject));
  subject.details.described = false;
  EXPECT_TRUE(wants_metadata(&subject));
}

}  // namespace
}  // namespace tiara::reputation
