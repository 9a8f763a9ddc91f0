#include "tiara/targets.hpp"

#include <gtest/gtest.h>

#include "broker/state_directory.hpp"
#include "broker/testing_directory.hpp"

namespace tiara::app {
namespace {

// Digests of "abc", published with each algorithm.
constexpr const char* kMd5 = "900150983cd24fb0d6963f7d28e17f72";
constexpr const char* kSha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
constexpr const char* kSha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Target, OfAFileHasAllDigests) {
  const broker::TemporaryDirectory directory;
  const std::string path = (directory.path() / "abc.txt").string();
  ASSERT_TRUE(broker::write_file_atomically(path, "abc"));
  const auto target = parse_target(path);
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(
      *target,
      (Target{path,
              path,
              {*tie::Md5::parse(kMd5), *tie::Sha1::parse(kSha1), *tie::Sha256::parse(kSha256)}}));
  EXPECT_EQ(target->file_name(), "abc.txt");
}

TEST(Target, OfADigestHasThatOne) {
  Target expected{kMd5, std::nullopt, {}};
  expected.hashes.md5 = *tie::Md5::parse(kMd5);
  EXPECT_EQ(*parse_target(kMd5), expected);
  expected = {kSha1, std::nullopt, {}};
  expected.hashes.sha1 = *tie::Sha1::parse(kSha1);
  EXPECT_EQ(*parse_target(kSha1), expected);
  expected = {kSha256, std::nullopt, {}};
  expected.hashes.sha256 = *tie::Sha256::parse(kSha256);
  EXPECT_EQ(*parse_target(kSha256), expected);
  EXPECT_EQ(
      parse_target("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")->hashes,
      expected.hashes);
  EXPECT_EQ(expected.file_name(), "");
}

TEST(Target, AFileNamedLikeADigestIsAFile) {
  const broker::TemporaryDirectory directory;
  const auto previous = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  ASSERT_TRUE(broker::write_file_atomically(kMd5, "abc"));
  const auto target = parse_target(kMd5);
  std::filesystem::current_path(previous);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->hashes.sha1->to_hex(), kSha1);
}

TEST(Target, AnythingElseIsRefusedByName) {
  for (const std::string& argument :
       {std::string(), std::string("missing.exe"), std::string(31, 'a'), std::string(32, 'g'),
        std::string(41, 'a'), std::string(" ") + kMd5}) {
    const auto target = parse_target(argument);
    ASSERT_FALSE(target) << argument;
    EXPECT_EQ(target.error().code, dxl::ErrorCode::kInvalidArgument);
    EXPECT_EQ(target.error().message,
              argument + ": no such file, and not a digest of 32, 40 or 64 hexadecimal digits");
  }
  EXPECT_FALSE(parse_target("/"));  // a directory
}

TEST(Level, IsANumberOrANameOfTheNine) {
  EXPECT_EQ(*parse_level("70"), tie::TrustLevel::kMightBeTrusted);
  EXPECT_EQ(*parse_level("might_be_trusted"), tie::TrustLevel::kMightBeTrusted);
  EXPECT_EQ(*parse_level("0"), tie::TrustLevel::kNotSet);
  for (const char* text : {"", "42", "-1", "trusted", "99 "}) {
    const auto level = parse_level(text);
    ASSERT_FALSE(level) << text;
    EXPECT_EQ(
        level.error().message,
        std::string(text) +
            ": not a trust level; known are 0 NOT_SET, 1 KNOWN_MALICIOUS, "
            "15 MOST_LIKELY_MALICIOUS, 30 MIGHT_BE_MALICIOUS, 50 UNKNOWN, 70 MIGHT_BE_TRUSTED, "
            "85 MOST_LIKELY_TRUSTED, 99 KNOWN_TRUSTED, 100 KNOWN_TRUSTED_INSTALLER");
  }
}

TEST(DetectType, ReadsTheFile) {
  const broker::TemporaryDirectory directory;
  const std::string path = (directory.path() / "program").string();
  ASSERT_TRUE(
      broker::write_file_atomically(path, std::string("\x7f") + "ELF" + std::string(60, '\0')));
  EXPECT_EQ(detect_type(*parse_target(path)), tie::FileType::kElf);
  EXPECT_EQ(detect_type(*parse_target(kMd5)), tie::FileType::kNone);
}

}  // namespace
}  // namespace tiara::app
