#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/certificates.hpp"
#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using tie::Provider;
using tie::Reputation;
using tie::Reputations;
using tie::TrustLevel;

AnswerContext context() {
  return AnswerContext{
      .now = kNow, .enterprise_size = 3, .server_version = 216'172'782'113'784'288};
}

// Vector cert-get/resp/unknown-cert.
TEST(CertAnswer, UnknownCertificateHasBothProvidersAtZeroAndDatesOfNow) {
  AnswerContext asked = context();
  asked.submit_metadata = true;
  const Reputations expected{
      .entries = {Reputation{.provider = Provider::kCertGti,
                             .trust_level = TrustLevel::kNotSet,
                             .create_date = kNow,
                             .attributes = {}},
                  Reputation{.provider = Provider::kCertEnterprise,
                             .trust_level = TrustLevel::kNotSet,
                             .create_date = kNow,
                             .attributes = {{"2109333", "0"},
                                            {"2109589", std::to_string(kNow)},
                                            {"2122901", "0"},
                                            {"2139285", "216172782113784288"}}}},
      .server_time = kNow,
      .submit_metadata = true};
  EXPECT_EQ(make_cert_answer(nullptr, asked, {}), expected);
}

// Vector cert-get/resp/overridden-both-places, with our stand-in for the cloud.
TEST(CertAnswer, ShowsStatisticsAndOverriddenFiles) {
  CertRecord subject =
      cert_record(certificate(1), {entry(Provider::kCertEnterprise, TrustLevel::kUnknown, kNow)});
  subject.reference_count = 12;
  subject.prevalent = true;
  const tie::OverriddenFiles overridden{.files = {hashes(1, 2, 3)}, .truncated = false};
  const Reputations answer = make_cert_answer(&subject, context(), overridden);
  EXPECT_EQ(answer.overridden, overridden);
  ASSERT_EQ(answer.entries.size(), 2U);
  EXPECT_EQ(answer.entries[0].create_date, kCreated);
  EXPECT_EQ(answer.entries[1], (Reputation{.provider = Provider::kCertEnterprise,
                                           .trust_level = TrustLevel::kUnknown,
                                           .create_date = kNow,
                                           .attributes = {{"2109333", "12"},
                                                          {"2109589", std::to_string(kCreated)},
                                                          {"2122901", "1"},
                                                          {"2125972", "1"},
                                                          {"2139285", "216172782113784288"}}}));
}

TEST(CertAnswer, TellsOfOverridesEvenIfNoneIsListed) {
  const CertRecord subject = cert_record(certificate(1));
  const Reputations answer =
      make_cert_answer(&subject, context(), {.files = {}, .truncated = true});
  EXPECT_EQ(answer.entries[1].attributes[2], std::pair(std::string("2122901"), std::string("1")));
  EXPECT_EQ(make_cert_answer(&subject, context(), {}).overridden, std::nullopt);
}

TEST(CertAnswer, CreateDateOfTheRecordWhenTheSettingSaysSo) {
  const CertRecord subject =
      cert_record(certificate(1), {entry(Provider::kCertEnterprise, TrustLevel::kUnknown, kNow)});
  AnswerContext asked = context();
  asked.create_date = Settings::CreateDate::kRecord;
  EXPECT_EQ(make_cert_answer(&subject, asked, {}).entries[1].create_date, kCreated);
}

}  // namespace
}  // namespace tiara::reputation
