// What a hostile or broken peer may send to any decoder of the codec.
#include <array>
#include <set>

#include "tie/payload_examples.hpp"
#include "tie/payload_kinds.hpp"

namespace tie {
namespace {

std::uint32_t malformed_code(const PayloadKind& kind) {
  switch (kind.reader) {
    case Reader::kService:
      return static_cast<std::uint32_t>(ServiceError::kBadRequest);
    case Reader::kReports:
      return static_cast<std::uint32_t>(ReportRefusal::kMalformed);
    case Reader::kClient:
      break;
  }
  return 0;
}

// The codes a decoder may refuse with.
std::set<std::uint32_t> possible_codes(const PayloadKind& kind) {
  const auto code = [](ReportRefusal refusal) { return static_cast<std::uint32_t>(refusal); };
  switch (kind.reader) {
    case Reader::kService:
      return {1, 2, 3, 4, 5};
    case Reader::kReports:
      return {code(ReportRefusal::kMalformed), code(ReportRefusal::kProvider),
              code(ReportRefusal::kLevel), code(ReportRefusal::kHashes)};
    case Reader::kClient:
      break;
  }
  return {0};
}

// `good` with one more member in front.
std::string with(const std::string& good, const std::string& member) {
  return "{" + member + "," + good.substr(1);
}
std::string nested(const std::string& good, std::size_t levels) {
  return with(good, R"("extra":)" + std::string(levels, '[') + std::string(levels, ']'));
}
std::string long_text(const std::string& good, std::size_t size) {
  return with(good, R"("extra":")" + std::string(size, 'x') + '"');
}
std::string first_member_twice(const std::string& good) {
  Json json = Json::parse(good);
  return with(good, "\"" + json.begin().key() + "\":" + json.begin().value().dump());
}

struct Case {
  const char* what;
  std::string payload;
  bool accepted;
};

std::vector<Case> json_rules(const std::string& good) {
  return {
      {"the example", good, true},
      {"nesting at the limit", nested(good, kMaxDepth - 1), true},
      {"nesting above the limit", nested(good, kMaxDepth), false},
      {"very deep nesting", nested(good, 100'000), false},
      {"string at the limit", long_text(good, kMaxStringBytes), true},
      {"string above the limit", long_text(good, kMaxStringBytes + 1), false},
      {"megabyte string", long_text(good, kMaxPayloadBytes), false},
      {"payload above the limit", good + std::string(kMaxPayloadBytes, ' ') + "}", false},
      {"member given twice", first_member_twice(good), false},
      {"unknown member given twice", with(good, R"("x":1,"x":1)"), false},
      {"member given twice inside", with(good, R"("x":{"a":1,"a":1})"), false},
      {"lone high surrogate", with(good, R"("x":"\ud800")"), false},
      {"lone low surrogate", with(good, R"("x":"\udc00")"), false},
      {"lone surrogate in a name", with(good, R"("\ud800":1)"), false},
      {"surrogate pair", with(good, R"("x":"\ud83d\udc09")"), true},
      {"invalid UTF-8", with(good, "\"x\":\"\xFF\""), false},
      {"overlong UTF-8", with(good, "\"x\":\"\xC0\x80\""), false},
      {"UTF-8 surrogate", with(good, "\"x\":\"\xED\xA0\x80\""), false},
      {"byte-order mark", "\xEF\xBB\xBF" + good, false},
      {"one trailing NUL", good + std::string(1, '\0'), true},
      {"NULs and white space", good + std::string("\0 \r\n\0\t\n\0", 9), true},
      {"NUL in front", std::string(1, '\0') + good, false},
      {"NUL inside", std::string("{\0", 2) + good.substr(1), false},
      {"raw control character", with(good, "\"x\":\"\n\""), false},
      {"text after the object", good + "x", false},
      {"two objects", good + good, false},
      {"array", "[" + good + "]", false},
      {"null", "null", false},
      {"number", "1", false},
      {"string", "\"x\"", false},
      {"nothing", "", false},
      {"only NULs", std::string(3, '\0'), false},
      {"NaN", with(good, R"("x":NaN)"), false},
      {"infinite number", with(good, R"("x":1e999)"), false},
      {"leading zero", with(good, R"("x":01)"), false},
      {"trailing comma", good.substr(0, good.size() - 1) + ",}", false},
      {"single quotes", "{'hashes':[]}", false},
      {"comment", with(good, "/* */ \"x\":1"), false},
  };
}

TEST(DamagedPayloads, AreRefusedByEveryDecoderWithItsCode) {
  for (const PayloadKind& kind : payload_kinds()) {
    for (const Case& c : json_rules(example_of(kind.name))) {
      const auto result = kind.rewrite(c.payload);
      EXPECT_EQ(result.has_value(), c.accepted) << kind.name << ": " << c.what;
      if (!result) {
        EXPECT_EQ(result.error().peer_code, malformed_code(kind)) << kind.name;
      }
    }
  }
}

// Every place in a document, innermost first.
void collect_places(const Json& value, const Json::json_pointer& at,
                    std::vector<Json::json_pointer>& places) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) collect_places(member, at / name, places);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) collect_places(value[i], at / i, places);
  }
  if (!at.empty()) places.push_back(at);
}

TEST(DamagedPayloads, NeverCrashADecoderWhateverAMemberHolds) {
  const std::vector<Json> values = {nullptr,
                                    true,
                                    0,
                                    -1,
                                    5,
                                    1.5,
                                    1e300,
                                    18446744073709551615ULL,
                                    "",
                                    "x",
                                    "99999999999999999999",
                                    "AAAA",
                                    std::string(kMaxStringBytes, 'A'),
                                    Json::array(),
                                    Json::array({Json::array()}),
                                    Json::object(),
                                    Json::object({{"type", "md5"}})};
  for (const PayloadKind& kind : payload_kinds()) {
    const Json example = Json::parse(example_of(kind.name));
    std::vector<Json::json_pointer> places;
    collect_places(example, Json::json_pointer(), places);
    const auto codes = possible_codes(kind);
    for (const Json::json_pointer& place : places) {
      for (const Json& value : values) {
        Json damaged = example;
        damaged[place] = value;
        const auto result = kind.rewrite(damaged.dump());
        if (result) continue;
        EXPECT_TRUE(codes.contains(result.error().peer_code))
            << kind.name << place << ": " << result.error().peer_code;
        EXPECT_FALSE(result.error().message.empty()) << kind.name << place;
      }
    }
  }
}

// Whether a member may hold anything without harm: those that are only shown or guessed from.
bool may_hold_anything(const PayloadKind& kind, const std::string& place) {
  if (place.find("/attributes/") != std::string::npos) return kind.reader == Reader::kClient;
  if (kind.name == "file infos") return place.find("/names/") != std::string::npos;
  // An item of a batch has its own error.
  if (kind.name == "batch get" || kind.name == "batch set") return place.starts_with("/items/");
  if (kind.name != "sandbox report") return false;
  static const std::set<std::string> kChecked = {
      "/Summary",
      "/Summary/Subject",
      "/Summary/Subject/Name",
      "/Summary/Subject/md5",
      "/Summary/Subject/sha-1",
      "/Summary/Subject/sha-256",
      "/Summary/Verdict",
      "/Summary/Verdict/Severity",
      "/Summary/Selectors",
      "/Summary/Selectors/0",
      "/Summary/Selectors/0/Engine",
  };
  return !kChecked.contains(place);
}

TEST(DamagedPayloads, AreRefusedIfAMemberIsOfTheWrongType) {
  for (const PayloadKind& kind : payload_kinds()) {
    const Json example = Json::parse(example_of(kind.name));
    std::vector<Json::json_pointer> places;
    collect_places(example, Json::json_pointer(), places);
    for (const Json::json_pointer& place : places) {
      Json damaged = example;
      // What no member of that kind can be.
      damaged[place] = example[place].is_object() ? Json::array({1}) : Json::object({{"x", 1}});
      const bool refused = !kind.rewrite(damaged.dump());
      if (!may_hold_anything(kind, place.to_string())) {
        EXPECT_TRUE(refused) << kind.name << " " << place << " " << damaged[place];
      }
    }
  }
}

// The fixtures of a kind and its example.
std::vector<std::string> samples(const PayloadKind& kind) {
  std::vector<std::string> all = {example_of(kind.name)};
  for (const PayloadVector& vector : payload_vectors()) {
    if (!vector.payload.empty() && find_kind(vector.topic, vector.role) == &kind)
      all.push_back(vector.payload);
  }
  return all;
}

TEST(DamagedPayloads, AreRefusedAtEveryProperPrefix) {
  for (const PayloadKind& kind : payload_kinds()) {
    for (const std::string& sample : samples(kind)) {
      for (std::size_t size = 0; size < sample.size(); ++size) {
        // A copy of exactly this size, so that reading past the end is noticed.
        const std::string prefix(sample, 0, size);
        const auto result = kind.rewrite(prefix);
        ASSERT_FALSE(result) << kind.name << ": " << prefix;
        ASSERT_EQ(result.error().peer_code, malformed_code(kind)) << kind.name << ": " << prefix;
      }
    }
  }
}

TEST(DamagedPayloads, NeverCrashWhateverByteChanges) {
  constexpr std::array<char, 3> kReplacements{'"', '9', '\xFF'};
  for (const PayloadKind& kind : payload_kinds()) {
    const auto codes = possible_codes(kind);
    const auto check = [&](const std::string& damaged) {
      const auto result = kind.rewrite(damaged);
      if (!result) {
        EXPECT_TRUE(codes.contains(result.error().peer_code)) << kind.name;
      }
    };
    for (const std::string& sample : samples(kind)) {
      for (std::size_t i = 0; i < sample.size(); ++i) {
        std::string damaged = sample;
        for (const char replacement : kReplacements) {
          damaged[i] = replacement;
          check(damaged);
        }
        damaged[i] = static_cast<char>(sample[i] ^ 1);
        check(damaged);
      }
    }
  }
}

TEST(DamagedPayloads, AreReadByTheOtherDecodersWithoutHarm) {
  for (const PayloadKind& kind : payload_kinds()) {
    for (const PayloadKind& other : payload_kinds()) {
      const auto result = other.rewrite(example_of(kind.name));
      if (!result) {
        EXPECT_TRUE(possible_codes(other).contains(result.error().peer_code))
            << other.name << " of " << kind.name;
      }
    }
  }
}

}  // namespace
}  // namespace tie
