#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reputation/test_records.hpp"

namespace tiara::reputation {
namespace {

using tie::Provider;
using tie::TrustLevel;

constexpr std::int64_t kDay = kSecondsPerDay;
constexpr std::int64_t kUsed = 20'000 * kDay;  // a day's beginning, as touch() leaves it

FileRecord used(std::vector<ProviderEntry> entries = {}) {
  FileRecord result = record(hashes(1, 2, 3), std::move(entries));
  result.last_used = kUsed;
  return result;
}

struct AgeCase {
  const char* name;
  std::int64_t days;
  std::map<std::uint64_t, std::int64_t> by_type;
  std::vector<ProviderEntry> entries;
  std::int64_t after;  // seconds after the day of last use began
  bool purge;
};

TEST(Age, PurgesWhatNobodyUsedForThePeriod) {
  constexpr std::uint64_t kType = 18;
  const std::vector<AgeCase> cases{
      {"used at the end of that day", 30, {}, {}, 31 * kDay - 1, false},
      {"unused for the period", 30, {}, {}, 31 * kDay, true},
      {"for ever", 0, {}, {}, 100'000 * kDay, false},
      {"of another type", 30, {{kType + 1, 1}}, {}, 5 * kDay, false},
      {"shorter for its type", 30, {{kType, 1}}, {}, 5 * kDay, true},
      {"for ever for its type", 30, {{kType, 0}}, {}, 500 * kDay, false},
      {"override", 30, {}, {entry(Provider::kEnterprise, TrustLevel::kUnknown)}, 500 * kDay, false},
      {"former override",
       30,
       {},
       {entry(Provider::kEnterprise, TrustLevel::kNotSet)},
       500 * kDay,
       true},
      {"External alone does not keep it",
       30,
       {},
       {entry(Provider::kExternal, TrustLevel::kKnownMalicious)},
       500 * kDay,
       true},
  };
  for (const AgeCase& c : cases) {
    SCOPED_TRACE(c.name);
    FileRecord subject = used(c.entries);
    subject.file_type = kType;
    Settings settings;
    settings.retention_days = c.days;
    settings.retention_days_by_type = c.by_type;
    const Aged aged = apply_age(subject, kUsed + c.after, settings);
    EXPECT_EQ(aged.purge, c.purge);
    EXPECT_EQ(aged.change, std::nullopt);
  }
}

TEST(Age, ExternalEntriesGoAloneBeyondTheirAge) {
  const ProviderEntry external = entry(Provider::kExternal, TrustLevel::kKnownMalicious, kUsed);
  const ProviderEntry enterprise = entry(Provider::kEnterprise, TrustLevel::kKnownTrusted, kUsed);
  const FileRecord subject = used({enterprise, external});
  Settings settings;
  EXPECT_EQ(apply_age(subject, kUsed + 100 * kDay, settings).change, std::nullopt);
  settings.external_max_age_days = 7;
  EXPECT_EQ(apply_age(subject, kUsed + 7 * kDay - 1, settings).change, std::nullopt);
  const Aged aged = apply_age(subject, kUsed + 7 * kDay, settings);
  EXPECT_FALSE(aged.purge);
  ASSERT_TRUE(aged.change);
  EXPECT_EQ(aged.change->before, subject);
  EXPECT_EQ(aged.change->after, used({enterprise}));
}

}  // namespace
}  // namespace tiara::reputation
