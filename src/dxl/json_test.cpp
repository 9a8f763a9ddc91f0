#include "dxl/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

namespace dxl {
namespace {

// Writes a value back through the public interface, compactly.
std::string rewritten(const JsonValue& value) {
  std::string out;
  switch (value.kind()) {
    case JsonValue::Kind::kNull:
      return "null";
    case JsonValue::Kind::kBool:
      return *value.boolean() ? "true" : "false";
    case JsonValue::Kind::kNumber:
      return value.integer() ? std::to_string(*value.integer()) : "real";
    case JsonValue::Kind::kString:
      append_json_string(*value.string(), out);
      return out;
    case JsonValue::Kind::kArray:
      value.for_each_element([&out](const JsonValue& item) {
        out += (out.empty() ? "" : ",") + rewritten(item);
        return true;
      });
      return "[" + out + "]";
    case JsonValue::Kind::kObject:
      value.for_each_member([&out](std::string_view key, const JsonValue& member) {
        if (!out.empty()) out += ',';
        append_json_string(key, out);
        out += ":" + rewritten(member);
        return true;
      });
      return "{" + out + "}";
  }
  return "?";
}

TEST(Json, ReadsEveryKindOfValue) {
  JsonDocument document;
  for (const std::string text :
       {"null", "true", "false", "0", "-1", "4328554496", "9223372036854775807",
        "-9223372036854775808", "\"\"", "\"a\xc3\xbc\"", "[]", "[[],{}]", "{}",
        "{\"a\":[1,{\"b\":null}],\"\":\"x\"}"}) {
    const auto value = document.parse(text);
    ASSERT_TRUE(value) << text << ": " << value.error().message;
    EXPECT_EQ(rewritten(*value), text);
  }
}

TEST(Json, FindsMembersAndTreatsNullAsAbsent) {
  JsonDocument document;
  const auto value = document.parse(R"({"text":"x","none":null,"list":[1],"no":false})");
  ASSERT_TRUE(value);
  EXPECT_TRUE(value->is_object());
  EXPECT_EQ(value->find("text")->string(), "x");
  EXPECT_EQ(value->find("no")->boolean(), false);
  EXPECT_TRUE(value->find("list")->is_array());
  EXPECT_FALSE(value->find("none"));
  EXPECT_FALSE(value->find("missing"));
  EXPECT_FALSE(value->find("list")->find("text"));
  EXPECT_EQ(value->find("text")->boolean(), std::nullopt);
  EXPECT_EQ(value->find("no")->string(), std::nullopt);
}

TEST(Json, StopsIteratingWhenTheVisitorHasSeenEnough) {
  JsonDocument document;
  const auto value = document.parse(R"([[1,2,3],{"a":1,"b":2}])");
  ASSERT_TRUE(value);
  int calls = 0;
  value->for_each_element([&calls](const JsonValue& item) {
    const auto stop = [&calls](auto&&...) {
      ++calls;
      return false;
    };
    item.for_each_element(stop);
    item.for_each_member(stop);
    return true;
  });
  EXPECT_EQ(calls, 2);
}

TEST(Json, TellsIntegersFromEverythingElse) {
  struct Case {
    const char* text;
    std::optional<std::int64_t> integer, integer_or_text;
  };
  const Case cases[] = {
      {"99", 99, 99},
      {"-0", 0, 0},
      {"99.0", 99, 99},
      {"9.9e1", 99, 99},
      {"99.5", {}, {}},
      {"1e300", {}, {}},
      {"9223372036854775808", {}, {}},
      {"18446744073709551615", {}, {}},
      {"-9223372036854775808.0", INT64_MIN, INT64_MIN},
      {"9223372036854775808.0", {}, {}},
      {"true", {}, {}},
      {"null", {}, {}},
      {"[1]", {}, {}},
      {"\"99\"", {}, 99},
      {"\"-5\"", {}, -5},
      {"\"0099\"", {}, 99},
      {"\"\"", {}, {}},
      {"\"-\"", {}, {}},
      {"\"+1\"", {}, {}},
      {"\" 1\"", {}, {}},
      {"\"1 \"", {}, {}},
      {"\"1.0\"", {}, {}},
      {"\"0x1\"", {}, {}},
      {"\"9223372036854775808\"", {}, {}},
  };
  JsonDocument document;
  for (const Case& c : cases) {
    const auto value = document.parse(c.text);
    ASSERT_TRUE(value) << c.text << ": " << value.error().message;
    EXPECT_EQ(value->integer(), c.integer) << c.text;
    EXPECT_EQ(value->integer_or_text(), c.integer_or_text) << c.text;
  }
}

TEST(Json, ReadsEveryNumberAsADouble) {
  const std::pair<const char*, std::optional<double>> cases[] = {
      {"99", 99.0},     {"-1.5", -1.5},
      {"1e300", 1e300}, {"18446744073709551615", 18446744073709551615.0},
      {"\"99\"", {}},   {"true", {}},
      {"null", {}},     {"[1]", {}},
  };
  JsonDocument document;
  for (const auto& [text, number] : cases)
    EXPECT_EQ(document.parse(text)->number(), number) << text;
}

TEST(Json, StripsTrailingNulsAndWhiteSpaceInAnyOrder) {
  JsonDocument document;
  for (const std::string_view trailer : {std::string_view("\0", 1), std::string_view("\0\n", 2),
                                         std::string_view("\n\0\0 \t\r", 6)}) {
    const auto value = document.parse("{\"a\":1}" + std::string(trailer));
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(rewritten(*value), "{\"a\":1}");
  }
  EXPECT_FALSE(document.parse(std::string_view("\0{}", 3)));
  EXPECT_FALSE(document.parse(std::string_view("{\0}", 3)));
}

TEST(Json, RefusesWhatIsNotStrictJson) {
  JsonDocument document;
  for (const std::string text : {"",
                                 " ",
                                 "\xef\xbb\xbf{}",
                                 "{",
                                 "}",
                                 "{}{}",
                                 "{} x",
                                 "[1,]",
                                 "{\"a\":1,}",
                                 "{a:1}",
                                 "{'a':1}",
                                 "[01]",
                                 "[+1]",
                                 "[.5]",
                                 "[1.]",
                                 "[NaN]",
                                 "[Infinity]",
                                 "[1e999]",
                                 "nul",
                                 "True",
                                 "// x\n{}",
                                 "\"\x01\"",
                                 "\"a\nb\"",
                                 "\"\\x41\"",
                                 "\"\\u12\"",
                                 "\"abc",
                                 "[\"\xc3\"]",
                                 "[\"\xed\xa0\x80\"]",
                                 "[\"\xc0\x80\"]",
                                 "\"\xff\""}) {
    const auto value = document.parse(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::kMalformed) << text;
    EXPECT_THAT(value.error().message, testing::StartsWith("JSON")) << text;
  }
}

TEST(Json, RefusesLoneSurrogateEscapes) {
  JsonDocument document;
  for (const char* text :
       {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\u0041")", R"("\udc00\ud800")",
        R"("\ud800\ud800")", R"({"\udfff":1})", R"({"a":["x\udbff"]})"}) {
    const auto value = document.parse(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::kMalformed) << text;
  }
  const auto pair = document.parse(R"("\ud83d\ude00 \ud7ff \ue000 \u0000")");
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->string(), std::string_view("\xf0\x9f\x98\x80 \xed\x9f\xbf \xee\x80\x80 \0", 14));
}

TEST(Json, RefusesAMemberGivenTwiceAtAnyDepthAndSize) {
  JsonDocument document;
  for (const char* text : {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"([{"x":{"":1,"":2}}])"}) {
    EXPECT_FALSE(document.parse(text)) << text;
  }
  EXPECT_TRUE(document.parse(R"({"a":{"a":1},"b":{"a":1},"A":1})"));
  std::string many = "{\"k0\":0";
  for (int i = 1; i < 10'000; ++i) many += fmt::format(",\"k{}\":{}", i, i);
  EXPECT_TRUE(document.parse(many + "}"));
  const auto twice = document.parse(many + ",\"k4711\":1}");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "JSON: member \"k4711\" given twice");
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, EnforcesItsLimitsExactly) {
  JsonDocument document({.payload_bytes = 100, .string_bytes = 10, .depth = 32});
  const std::string ten(10, 'x'), eleven(11, 'x');
  struct Case {
    std::string text;
    bool accepted;
  };
  const Case cases[] = {
      {nested(32), true},
      {nested(33), false},
      {nested(32).insert(32, "1"), true},
      {nested(33).insert(33, "1"), false},
      {nested(34), false},
      {"[" + std::string(98, ' ') + "]", true},
      {"[" + std::string(99, ' ') + "]", false},
      {"[]" + std::string(200, '\0'), true},
      {"\"" + ten + "\"", true},
      {"\"" + eleven + "\"", false},
      {"{\"" + ten + "\":1}", true},
      {"{\"" + eleven + "\":1}", false},
      {"\"\\u0041" + ten.substr(1) + "\"", true},  // counted after decoding
  };
  for (const Case& c : cases) {
    const auto value = document.parse(c.text);
    ASSERT_EQ(value.has_value(), c.accepted) << c.text;
    if (value) continue;
    EXPECT_EQ(value.error().code, ErrorCode::kLimitExceeded) << value.error().message;
  }
  std::string objects;
  for (int i = 0; i < 33; ++i) objects += "{\"a\":";
  EXPECT_FALSE(JsonDocument().parse(objects + "1" + std::string(33, '}')));
  EXPECT_FALSE(JsonDocument().parse(std::string(500'000, '[')));
}

TEST(Json, WorksAgainAfterAFailureAndAfterALargerText) {
  JsonDocument document;
  EXPECT_FALSE(document.parse("{"));
  const std::string large = "[\"" + std::string(60'000, 'x') + "\"]";
  for (const std::string& text : {std::string("{\"a\":1}"), large, std::string("[2]")}) {
    const auto value = document.parse(text);
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(rewritten(*value), text);
  }
}

TEST(Json, AgreesWithAnotherParserOnDamagedText) {
  const std::string text =
      R"({"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}],"n":-1.5e2,"t":[true,null]})";
  JsonDocument document;
  std::mt19937 random(7);
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(document.parse(text.substr(0, i))) << i;
    for (int tries = 0; tries < 40; ++tries) {
      std::string changed = text;
      changed[i] = static_cast<char>(random());
      const auto value = document.parse(changed);
      const bool accepted = nlohmann::json::accept(changed);
      // Ours is the stricter one: members given twice.
      if (value) {
        EXPECT_TRUE(accepted) << changed;
      } else if (accepted) {
        EXPECT_THAT(value.error().message,
                    testing::AnyOf(testing::HasSubstr("twice"), testing::HasSubstr("number")))
            << changed;
      }
    }
  }
}

TEST(JsonString, EscapesWhatMustBeAndKeepsUtf8) {
  std::string out = "x";
  append_json_string(std::string_view("a\"\\\n\r\t\b\0\x1f\x7f/\xc3\xbc\xf0\x9f\x98\x80", 17), out);
  EXPECT_EQ(out, "x\"a\\\"\\\\\\n\\r\\t\\u0008\\u0000\\u001f\\u007f/\xc3\xbc\xf0\x9f\x98\x80\"");
}

TEST(JsonString, IsValidEvenIfTheTextIsNot) {
  std::string out;
  append_json_string("a\xff\xc3(\xed\xa0\x80", out);
  EXPECT_EQ(out, "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(JsonString, ReadsBackAsTheSameText) {
  JsonDocument document;
  std::string text, json;
  for (int c = 0; c < 0x80; ++c) text += static_cast<char>(c);
  append_json_string(text, json);
  const auto value = document.parse(json);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->string(), text);
}

}  // namespace
}  // namespace dxl
