#include "fabric/lenient_json.hpp"

#include <gtest/gtest.h>

namespace tiara::fabric {
namespace {

TEST(LenientJson, CutsCommentsAndWhateverFollowsTheObject) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"{}", "{}"},
      {" \t\r\n{}", "{}"},
      {"{} trailing }", "{}"},
      {std::string_view("{}\0", 3), "{}"},
      {"{}{\"a\":1}", "{}"},
      {"/*a*/ // b\n{\"k\"/* c */:1// d\n}//", "{\"k\" :1 \n}"},
      {"{\"k\":\"// no /* comment\"}", "{\"k\":\"// no /* comment\"}"},
      {"{\"k\":\"\\\"// }\"} x", "{\"k\":\"\\\"// }\"}"},
      {"{\"k\":[{}]} x", "{\"k\":[{}]}"},
      {"{\"k\":1 / 2}", "{\"k\":1 / 2}"},
      {"// c\rnull // d", "null"},
      {"nullify", "null"},
      {"[1] x", "[1] x"},
      {"", ""},
      {"{\"k\":", "{\"k\":"},
      {"{/* open", "{ "},
      {"{\"open", "{\"open"},
      {"{\"open\\", "{\"open\\"},
      {"{]", "{]"},
  };
  for (const auto& [payload, expected] : kCases) EXPECT_EQ(cut_object_text(payload), expected);
}

// What requests may and may not look like (DXL reference §5.6).
TEST(LenientJson, ToleratesWhatTheOriginalTolerates) {
  const std::pair<std::string_view, bool> kCases[] = {
      {"{}", true},
      {"{}\n", true},
      {"null", true},
      {std::string_view("{\"k\":1}\0", 8), true},
      {"{\"k\":1} and text", true},
      {"/* C */ {\"k\":1 // C++\n}", true},
      {"", false},
      {" ", false},
      {std::string_view("\0", 1), false},
      {"[]", false},
      {"[{}]", false},
      {"\"text\"", false},
      {"5", false},
      {"true", false},
      {"{'k':1}", false},
      {"\xef\xbb\xbf{}", false},
      {"{\"k\":1", false},
      {"{]", false},
      {"{/*}", false},
      {"text", false},
  };
  dxl::JsonDocument document;
  for (const auto& [payload, is_good] : kCases)
    EXPECT_EQ(parse_built_in_request(document, payload).has_value(), is_good) << payload;
}

TEST(LenientJson, BoundsWhatItReads) {
  dxl::JsonDocument document;
  std::string payload(kMaxBuiltInPayloadBytes, ' ');
  payload.replace(0, 2, "{}");
  EXPECT_TRUE(parse_built_in_request(document, payload).has_value());
  payload += ' ';
  const auto refused = parse_built_in_request(document, payload);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, dxl::ErrorCode::kLimitExceeded);
  EXPECT_FALSE(parse_built_in_request(document, std::string(200'000, '{')).has_value());
}

TEST(LenientJson, TurnsScalarsIntoText) {
  dxl::JsonDocument document;
  const auto object = document.parse(
      R"({"s":"x","i":-5,"d":0.25,"t":true,"f":false,"n":null,"a":[],"o":{},"whole":5.0})");
  ASSERT_TRUE(object.has_value());
  const std::pair<const char*, const char*> kCases[] = {
      {"s", "x"}, {"i", "-5"},  {"d", "0.25"},  {"t", "true"},
      {"n", ""},  {"gone", ""}, {"f", "false"}, {"whole", "5"}};
  for (const auto& [key, expected] : kCases) EXPECT_EQ(*text_member(*object, key), expected) << key;
  EXPECT_FALSE(text_member(*object, "a").has_value());
  EXPECT_FALSE(text_member(*object, "o").has_value());
  EXPECT_EQ(*optional_text_member(*object, "gone"), std::nullopt);
}

TEST(LenientJson, WritesNumbersSoThatTheyReadBack) {
  const std::pair<double, const char*> kCases[] = {
      {0, "0.0"}, {5, "5.0"}, {0.1, "0.1"}, {28 / 60.0, "0.4666666666666667"}, {1e-7, "1e-07"}};
  for (const auto& [number, expected] : kCases) EXPECT_EQ(to_text(number), expected);
}

}  // namespace
}  // namespace tiara::fabric
