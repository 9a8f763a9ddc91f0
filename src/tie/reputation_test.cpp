#include "tie/reputation.hpp"

#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

TEST(TrustLevel, HasTheNamesAndNumbersOfTheOriginalClients) {
  std::size_t count = 0;
  for (const auto& [name, number] : payload_fixtures().at("constants").at("TrustLevel").items()) {
    const auto level = static_cast<TrustLevel>(number.get<int>());
    EXPECT_TRUE(is_known(level)) << name;
    EXPECT_EQ(to_string(level), name);
    EXPECT_EQ(parse_trust_level(name).value(), level);
    EXPECT_EQ(parse_trust_level(lower(name)).value(), level);
    EXPECT_EQ(parse_trust_level(number.dump()).value(), level);
    ++count;
  }
  EXPECT_EQ(count, 9U);
}

TEST(TrustLevel, KeepsNumbersOutsideTheNine) {
  const TrustLevel level = parse_trust_level("42").value();
  EXPECT_EQ(static_cast<int>(level), 42);
  EXPECT_FALSE(is_known(level));
  EXPECT_EQ(to_string(level), "42");
  EXPECT_EQ(to_string(static_cast<TrustLevel>(-2)), "-2");
}

TEST(TrustLevel, RefusesOtherText) {
  for (const char* text :
       {"", " ", "-1", "-0", "+1", "1.0", "1 ", " 1", "0x10", "2147483648", "TRUSTED",
        "99999999999999999999999", "KNOWN-TRUSTED", "KNOWN_TRUSTED\n"}) {
    const auto level = parse_trust_level(text);
    ASSERT_FALSE(level) << text;
    EXPECT_EQ(level.error().code, dxl::ErrorCode::kInvalidArgument);
  }
}

TEST(TrustLevel, IsAVerdictUnlessNotSetOrUnknown) {
  EXPECT_FALSE(is_definitive(TrustLevel::kNotSet));
  EXPECT_FALSE(is_definitive(TrustLevel::kUnknown));
  for (const TrustLevel level :
       {TrustLevel::kKnownMalicious, TrustLevel::kMostLikelyMalicious,
        TrustLevel::kMightBeMalicious, TrustLevel::kMightBeTrusted, TrustLevel::kMostLikelyTrusted,
        TrustLevel::kKnownTrusted, TrustLevel::kKnownTrustedInstaller}) {
    EXPECT_TRUE(is_definitive(level)) << to_string(level);
  }
}

TEST(Provider, HasTheNamesAndNumbersOfTheOriginalClients) {
  std::size_t count = 0;
  for (const char* list : {"FileProvider", "CertProvider"}) {
    for (const auto& [name, number] : payload_fixtures().at("constants").at(list).items()) {
      EXPECT_EQ(to_string(static_cast<Provider>(number.get<int>())), name);
      ++count;
    }
  }
  EXPECT_EQ(count, 7U);
  EXPECT_EQ(to_string(static_cast<Provider>(11)), "11");
}

TEST(FileType, HasTheNamesAndNumbersOfTheOriginalClients) {
  std::size_t count = 0;
  for (const auto& [name, number] : payload_fixtures().at("constants").at("FileType").items()) {
    const auto type = static_cast<FileType>(number.get<std::uint64_t>());
    EXPECT_TRUE(is_known(type)) << name;
    EXPECT_EQ(to_string(type), name);
    EXPECT_EQ(parse_file_type(name).value(), type);
    EXPECT_EQ(parse_file_type(lower(name)).value(), type);
    EXPECT_EQ(parse_file_type(number.dump()).value(), type);
    ++count;
  }
  EXPECT_EQ(count, 39U);
}

TEST(FileType, KnowsExactlyWhatThePythonClientAccepts) {
  const Json& validation = payload_fixtures().at("file_type_validation");
  for (const Json& number : validation.at("accepted"))
    EXPECT_TRUE(is_known(static_cast<FileType>(number.get<std::uint64_t>()))) << number;
  for (const Json& number : validation.at("rejected_examples"))
    EXPECT_FALSE(is_known(static_cast<FileType>(number.get<std::int64_t>()))) << number;
}

TEST(FileType, KeepsNumbersOutsideTheList) {
  EXPECT_EQ(to_string(parse_file_type("268435456").value()), "268435456");
  EXPECT_EQ(to_string(parse_file_type("9223372036854775807").value()), "9223372036854775807");
  for (const char* text : {"", "-1", "9223372036854775808", "18.0", "PROGRAM"})
    EXPECT_FALSE(parse_file_type(text)) << text;
}

TEST(Reputations, FindsTheEntryOfAProvider) {
  const Reputations answer{{{Provider::kGti, TrustLevel::kUnknown, 1, {}},
                            {Provider::kExternal, TrustLevel::kMightBeTrusted, 2, {}}},
                           3,
                           false};
  ASSERT_NE(answer.find(Provider::kExternal), nullptr);
  EXPECT_EQ(*answer.find(Provider::kExternal), answer.entries[1]);
  EXPECT_EQ(answer.find(Provider::kAtd), nullptr);
}

}  // namespace
}  // namespace tie
