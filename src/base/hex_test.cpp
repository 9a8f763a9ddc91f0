#include "base/hex.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tiara::base {
namespace {

TEST(Hex, WritesLowerCaseAndReadsEitherCase) {
  EXPECT_EQ(to_hex(std::string_view("\x00\x7f\xab\xff", 4)), "007fabff");
  EXPECT_EQ(to_hex(""), "");
  EXPECT_EQ(parse_hex("007FabFf"), std::string("\x00\x7f\xab\xff", 4));
  EXPECT_EQ(parse_hex(""), "");
}

TEST(Hex, RefusesWhatIsNotHexadecimal) {
  for (const char* text : {"0", "000", "0g", "g0", " 00", "0x", "+1", "-1", "00 "}) {
    EXPECT_EQ(parse_hex(text), std::nullopt) << text;
  }
}

TEST(Base64, WritesTheStandardAlphabetWithPadding) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
      {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xfb\xff\xbf", "+/+/"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(parse_base64(text), bytes);
  }
}

TEST(Base64, AppendsBehindWhatIsThere) {
  std::string out = "x";
  append_base64("fo", out);
  EXPECT_EQ(out, "xZm8=");
}

TEST(Base64, AcceptsMissingPaddingAndNonZeroUnusedBits) {
  EXPECT_EQ(parse_base64("Zg"), "f");
  EXPECT_EQ(parse_base64("Zm8"), "fo");
  EXPECT_EQ(parse_base64("Zh=="), "f");
  // A published example of the original schema.
  EXPECT_EQ(parse_base64("ERD6shE0rp1D+F3rUdrKLH/Wuet="),
            parse_hex("1110fab21134ae9d43f85deb51daca2c7fd6b9eb"));
}

TEST(Base64, StoresWhatFitsAndCountsTheRest) {
  std::string room = "....";
  EXPECT_EQ(parse_base64("Zm9vYg==", std::span(room.data(), 3)), 4U);
  EXPECT_EQ(room, "foo.");
  EXPECT_EQ(parse_base64("Zg", std::span(room.data(), 3)), 1U);
  EXPECT_EQ(room, "foo.");
  EXPECT_EQ(parse_base64("", std::span(room.data(), 0)), 0U);
  EXPECT_EQ(parse_base64("Zg=", std::span(room.data(), 3)), std::nullopt);
}

TEST(Base64, RefusesEverythingElse) {
  for (const char* text : {"Z", "Zm9vY", "=", "==", "====", "Zg=", "Zm8==", "Zg===", "Z=g=",
                           "Zm9v=", "Zg==Zg==", " Zg==", "Zg== ", "Zm\n9v", "Zm-_", "Zm9\xc3"}) {
    EXPECT_EQ(parse_base64(text), std::nullopt) << text;
  }
}

TEST(HexAndBase64, ReadBackRandomBytes) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(parse_hex(to_hex(bytes)), bytes);
    EXPECT_EQ(parse_base64(to_base64(bytes)), bytes);
  }
}

}  // namespace
}  // namespace tiara::base
