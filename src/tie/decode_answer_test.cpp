#include <map>
#include <optional>

#include "tie/codec.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

constexpr std::string_view kMd5Item = R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="})";

std::string with_hashes(std::string_view items, std::string_view more = "") {
  return R"({"hashes":[)" + std::string(items) + "]" + std::string(more) + "}";
}

TEST(DecodeReputations, ReadsAnswersOfEveryOrigin) {
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.topic != kTopicFileReputation || vector.role != "response") continue;
    const auto answer = decode_reputations(vector.payload);
    ASSERT_TRUE(answer) << vector.id << ": " << answer.error().message;
    const Json json = Json::parse(vector.payload);
    ASSERT_EQ(answer->entries.size(), json.at("reputations").size()) << vector.id;
    for (std::size_t i = 0; i < answer->entries.size(); ++i) {
      const Json& entry = json.at("reputations").at(i);
      std::vector<std::pair<std::string, std::string>> attributes;
      if (entry.contains("attributes")) {
        for (const auto& [id, value] : entry.at("attributes").items())
          attributes.emplace_back(id, value.get<std::string>());
      }
      EXPECT_EQ(answer->entries[i],
                (Reputation{static_cast<Provider>(entry.at("providerId").get<int>()),
                            static_cast<TrustLevel>(entry.at("trustLevel").get<int>()),
                            entry.at("createDate").get<std::int64_t>(), attributes}))
          << vector.id;
    }
    const Json props = json.value("props", Json::object());
    EXPECT_EQ(answer->server_time, props.value("serverTime", 0)) << vector.id;
    EXPECT_EQ(answer->submit_metadata, props.value("submitMetaData", 0) == 1) << vector.id;
    ++seen;
  }
  EXPECT_EQ(seen, 6U);
}

TEST(DecodeReputations, TreatsOddAnswersLikeTheForgivingOriginals) {
  // What must come out; nullopt is an error. The Python client fails on the same ones, except that
  // it takes an array for an empty answer and we take null for a missing list.
  const Reputations nothing;
  const std::map<std::string, std::optional<Reputations>> expected = {
      {"no reputations", nothing},
      {"reputations null", nothing},
      {"trailing NUL x1", nothing},
      {"trailing NUL x3", nothing},
      {"trailing NUL + LF", nothing},
      {"trailing LF", nothing},
      {"dup provider",
       Reputations{{{Provider::kEnterprise, TrustLevel::kKnownTrusted, 0, {}}}, 0, false}},
      {"empty", std::nullopt},
      {"array", std::nullopt},
      {"null", std::nullopt},
      {"BOM", std::nullopt},
      {"rep w/o providerId", std::nullopt},
      {"invalid UTF-8", std::nullopt},
  };
  std::size_t seen = 0;
  for (const Json& json : payload_fixtures().at("response_edge_cases")) {
    const std::string name = json.at("case");
    ASSERT_TRUE(expected.contains(name)) << name;
    const auto answer = decode_reputations(
        json.contains("payload") ? json.at("payload").get<std::string>() : "\xFF{}");
    EXPECT_EQ(answer.has_value(), expected.at(name).has_value()) << name;
    if (answer)
      EXPECT_EQ(*answer, *expected.at(name)) << name;
    else
      EXPECT_EQ(answer.error().peer_code, 0U) << name;
    ++seen;
  }
  EXPECT_EQ(seen, expected.size());
}

TEST(DecodeReputations, KeepsWhatItDoesNotKnow) {
  const auto answer = decode_reputations(
      R"({"reputations":[{"providerId":99,"trustLevel":42,"detectTime":7,"extra":1,)"
      R"("attributes":{"5":"x","6":7,"7":true}},{"providerId":15}],)"
      R"("props":{"serverTime":8,"submitMetaData":true,"atdCandidate":1,"masterServer":"h;ip"}})");
  ASSERT_TRUE(answer) << answer.error().message;
  const Reputations expected{
      {{static_cast<Provider>(99), static_cast<TrustLevel>(42), 7, {{"5", "x"}, {"6", "7"}}},
       {Provider::kExternal, TrustLevel::kNotSet, 0, {}}},
      8,
      true,
      std::nullopt,
      true,
      "h;ip"};
  EXPECT_EQ(*answer, expected);
}

TEST(DecodeReputations, RefusesWrongTypesAndTooMuch) {
  std::string providers, attributes;
  for (std::size_t i = 0; i <= kMaxReputationEntries; ++i)
    providers += (i == 0 ? "" : ",") + (R"({"providerId":)" + std::to_string(i + 1) + "}");
  for (std::size_t i = 0; i <= kMaxAttributes; ++i)
    attributes += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":"")";
  for (const std::string& payload : std::initializer_list<std::string>{
           R"({"reputations":{}})",
           R"({"reputations":[1]})",
           R"({"reputations":[{"providerId":true}]})",
           R"({"reputations":[{"providerId":4294967297}]})",
           R"({"reputations":[{"providerId":1,"trustLevel":-2147483649}]})",
           R"({"reputations":[{"providerId":1,"trustLevel":false}]})",
           R"({"reputations":[{"providerId":1,"createDate":"now"}]})",
           R"({"reputations":[{"providerId":1,"attributes":[]}]})",
           R"({"props":[]})",
           R"({"props":{"serverTime":true}})",
           R"({"props":{"submitMetaData":"1"}})",
           R"({"reputations":[)" + providers + "]}",
           R"({"reputations":[{"providerId":1,"attributes":{)" + attributes + "}}]}",
       }) {
    EXPECT_FALSE(decode_reputations(payload)) << payload.substr(0, 80);
  }
}

TEST(DecodeFileChange, ReadsEventsOfEveryOrigin) {
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.topic != kTopicFileChange && vector.topic != kTopicFileChangeBroadcast) continue;
    const auto change = decode_file_change(vector.payload);
    ASSERT_TRUE(change) << vector.id << ": " << change.error().message;
    const Json json = Json::parse(vector.payload);
    EXPECT_FALSE(change->hashes.empty()) << vector.id;
    EXPECT_EQ(change->update_time, json.at("updateTime")) << vector.id;
    EXPECT_EQ(change->old_reputations, decode_reputations(json.at("oldReputations").dump()).value())
        << vector.id;
    EXPECT_EQ(change->new_reputations, decode_reputations(json.at("newReputations").dump()).value())
        << vector.id;
    ++seen;
  }
  EXPECT_EQ(seen, 11U);
}

TEST(DecodeFileChange, ReadsOneEventExactly) {
  const auto change = decode_file_change(payload_of("file-repchange-bc/external-added"));
  ASSERT_TRUE(change) << change.error().message;
  const auto entries = [](const char* names) {
    return std::vector<Reputation>{
        {Provider::kGti, TrustLevel::kNotSet, 1700000000, {{"2120340", "0"}}},
        {Provider::kEnterprise,
         TrustLevel::kNotSet,
         1700000000,
         {{"2101652", "0"},
          {"2102165", "1700000000"},
          {"2111893", "3"},
          {"2114965", names},
          {"2139285", "216172782113784288"}}}};
  };
  FileReputationChange expected{
      notepad(), {entries("0"), 1700000100, false}, {entries("1"), 1700000100, false}, 1700000100};
  expected.new_reputations.entries.push_back(
      {Provider::kExternal, TrustLevel::kMightBeTrusted, 1700000100, {}});
  EXPECT_EQ(*change, expected);
}

TEST(DecodeFileChange, ForgivesMissingSnapshotsButNotMissingHashes) {
  EXPECT_EQ(decode_file_change(with_hashes(kMd5Item)).value(),
            (FileReputationChange{notepad_md5(), {}, {}, 0}));
  EXPECT_EQ(decode_file_change(
                with_hashes(kMd5Item, R"(,"oldReputations":null,"newReputations":{"props":{}})"))
                .value(),
            (FileReputationChange{notepad_md5(), {}, {}, 0}));
  for (const std::string& payload :
       {std::string("{}"), with_hashes(""), with_hashes(R"({"type":"md5"})"),
        with_hashes(kMd5Item, R"(,"oldReputations":[])"),
        with_hashes(kMd5Item, R"(,"updateTime":"x")")}) {
    const auto change = decode_file_change(payload);
    ASSERT_FALSE(change) << payload;
    EXPECT_EQ(change.error().peer_code, 0U) << payload;
  }
}

TEST(DecodeOutcome, ReadsRequestsAndAnswers) {
  EXPECT_EQ(decode_outcome_request(R"({"messageId":"{a}","x":1})").value(), "{a}");
  for (const char* payload : {"{}", R"({"messageId":""})", R"({"messageId":null})",
                              R"({"messageId":5})", R"(["{a}"])", ""}) {
    const auto id = decode_outcome_request(payload);
    ASSERT_FALSE(id) << payload;
    EXPECT_EQ(id.error().peer_code, static_cast<std::uint32_t>(ServiceError::kBadRequest));
  }
  const auto outcome = decode_outcome(R"({"outcome":"refused","reason":"hashes","time":7})");
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->outcome, "refused");
  EXPECT_EQ(outcome->reason, "hashes");
  EXPECT_EQ(outcome->time, 7);
  EXPECT_TRUE(decode_outcome(R"({"outcome":"unknown"})"));
  for (const char* payload : {"{}", R"({"outcome":1})", R"({"outcome":"x","time":true})", "null"})
    EXPECT_FALSE(decode_outcome(payload)) << payload;
}

}  // namespace
}  // namespace tie
