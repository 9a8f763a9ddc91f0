// What a hostile or broken peer may send to any decoder of the codec.
#include <array>

#include "tie/codec.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

// Which decoders took the payload, one letter each; "" if none did.
std::string accepted_by(std::string_view payload) {
  std::string letters;
  if (decode_get_file_reputation(payload)) letters += 'g';
  if (decode_set_file_reputation(payload)) letters += 's';
  if (decode_external_report(payload)) letters += 'x';
  if (decode_reputations(payload)) letters += 'r';
  if (decode_file_change(payload)) letters += 'c';
  if (decode_outcome_request(payload)) letters += 'q';
  if (decode_outcome(payload)) letters += 'o';
  return letters;
}

constexpr std::string_view kGood =
    R"({"trustLevel":99,"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}]})";

// kGood with one more member in front.
std::string with(const std::string& member) {
  return "{" + member + "," + std::string(kGood.substr(1));
}

std::string nested(std::size_t levels) {
  return with(R"("extra":)" + std::string(levels, '[') + std::string(levels, ']'));
}

// Every payload of the fixtures, and one of each kind that is not in there.
std::vector<std::string> samples() {
  std::vector<std::string> all = {R"({"messageId":"{00000000-0000-4000-8000-000000000001}"})",
                                  R"({"outcome":"refused","reason":"hashes","time":1700000000})"};
  for (const PayloadVector& vector : payload_vectors())
    if (!vector.payload.empty()) all.push_back(vector.payload);
  return all;
}

TEST(DamagedPayloads, AreRefusedByEveryDecoder) {
  const std::string good(kGood);
  ASSERT_EQ(accepted_by(good), "gsrc");
  const struct {
    const char* what;
    std::string payload;
    const char* accepted_by;
  } cases[] = {
      {"nesting at the limit", nested(kMaxDepth - 1), "gsrc"},
      {"nesting above the limit", nested(kMaxDepth), ""},
      {"very deep nesting", nested(100'000), ""},
      {"string at the limit", with(R"("x":")" + std::string(kMaxStringBytes, 'x') + '"'), "gsrc"},
      {"string above the limit", with(R"("x":")" + std::string(kMaxStringBytes + 1, 'x') + '"'),
       ""},
      {"megabyte string", with(R"("x":")" + std::string(kMaxPayloadBytes, 'x') + '"'), ""},
      {"payload above the limit", good + std::string(kMaxPayloadBytes, ' ') + "}", ""},
      {"member given twice", with(R"("trustLevel":99)"), ""},
      {"unknown member given twice", with(R"("x":1,"x":1)"), ""},
      {"member given twice inside", with(R"("x":{"a":1,"a":1})"), ""},
      {"lone high surrogate", with(R"("x":"\ud800")"), ""},
      {"lone low surrogate", with(R"("x":"\udc00")"), ""},
      {"lone surrogate in a name", with(R"("\ud800":1)"), ""},
      {"surrogate pair", with(R"("x":"\ud83d\udc09")"), "gsrc"},
      {"invalid UTF-8", with("\"x\":\"\xFF\""), ""},
      {"overlong UTF-8", with("\"x\":\"\xC0\x80\""), ""},
      {"UTF-8 surrogate", with("\"x\":\"\xED\xA0\x80\""), ""},
      {"byte-order mark", "\xEF\xBB\xBF" + good, ""},
      {"one trailing NUL", good + std::string(1, '\0'), "gsrc"},
      {"NULs and white space", good + std::string("\0 \r\n\0\t\n\0", 9), "gsrc"},
      {"NUL in front", std::string(1, '\0') + good, ""},
      {"NUL inside", std::string("{\0", 2) + good.substr(1), ""},
      {"raw control character", with("\"x\":\"\n\""), ""},
      {"text after the object", good + "x", ""},
      {"two objects", good + good, ""},
      {"array", "[" + good + "]", ""},
      {"null", "null", ""},
      {"number", "1", ""},
      {"string", "\"x\"", ""},
      {"nothing", "", ""},
      {"only NULs", std::string(3, '\0'), ""},
      {"NaN", with(R"("x":NaN)"), ""},
      {"infinite number", with(R"("x":1e999)"), ""},
      {"leading zero", with(R"("x":01)"), ""},
      {"trailing comma", good.substr(0, good.size() - 1) + ",}", ""},
      {"single quotes", "{'hashes':[]}", ""},
      {"comment", with("/* */ \"x\":1"), ""},
  };
  for (const auto& c : cases) EXPECT_EQ(accepted_by(c.payload), c.accepted_by) << c.what;
}

TEST(DamagedPayloads, AreBadRequestsOrMalformedReports) {
  for (const std::string& payload : {std::string(), nested(kMaxDepth), with(R"("x":1,"x":1)"),
                                     with(R"("x":")" + std::string(kMaxPayloadBytes, 'x') + '"')}) {
    EXPECT_EQ(decode_get_file_reputation(payload).error().peer_code,
              static_cast<std::uint32_t>(ServiceError::kBadRequest));
    EXPECT_EQ(decode_set_file_reputation(payload).error().peer_code,
              static_cast<std::uint32_t>(ServiceError::kBadRequest));
    EXPECT_EQ(decode_outcome_request(payload).error().peer_code,
              static_cast<std::uint32_t>(ServiceError::kBadRequest));
    EXPECT_EQ(decode_external_report(payload).error().peer_code,
              static_cast<std::uint32_t>(ReportRefusal::kMalformed));
    EXPECT_EQ(decode_reputations(payload).error().peer_code, 0U);
  }
}

TEST(DamagedPayloads, AreRefusedAtEveryProperPrefix) {
  for (const std::string& sample : samples()) {
    for (std::size_t size = 0; size < sample.size(); ++size) {
      // A copy of exactly this size, so that reading past the end is noticed.
      const std::string prefix(sample, 0, size);
      ASSERT_EQ(accepted_by(prefix), "") << prefix;
    }
  }
}

TEST(DamagedPayloads, NeverCrashWhateverByteChanges) {
  constexpr std::array<char, 3> kReplacements{'"', '9', '\xFF'};
  for (const std::string& sample : samples()) {
    for (std::size_t i = 0; i < sample.size(); ++i) {
      std::string damaged = sample;
      for (const char replacement : kReplacements) {
        damaged[i] = replacement;
        accepted_by(damaged);
      }
      damaged[i] = static_cast<char>(sample[i] ^ 1);
      accepted_by(damaged);
    }
  }
}

}  // namespace
}  // namespace tie
