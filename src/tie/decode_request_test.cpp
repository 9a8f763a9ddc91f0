#include <map>

#include "tie/codec.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

constexpr auto kBadRequest = static_cast<std::uint32_t>(ServiceError::kBadRequest);
constexpr auto kBadHashes = static_cast<std::uint32_t>(ServiceError::kBadHashes);
constexpr auto kBadTrustLevel = static_cast<std::uint32_t>(ServiceError::kBadTrustLevel);
constexpr auto kBadProvider = static_cast<std::uint32_t>(ServiceError::kBadProvider);

constexpr std::string_view kMd5Item = R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="})";

std::string with_hashes(std::string_view items, std::string_view more = "") {
  return R"({"hashes":[)" + std::string(items) + "]" + std::string(more) + "}";
}
std::string set_with(std::string_view members) {
  return with_hashes(kMd5Item, "," + std::string(members));
}

std::string describe(const FileHashes& hashes) {
  return (hashes.md5 ? hashes.md5->to_hex() : "-") + "," +
         (hashes.sha1 ? hashes.sha1->to_hex() : "-") + "," +
         (hashes.sha256 ? hashes.sha256->to_hex() : "-");
}

// One line per value, so that a failure shows every member at once.
std::string describe(const GetFileReputation& get) {
  return describe(get.hashes) + " scan=" + (get.scan_type ? std::to_string(*get.scan_type) : "-") +
         " type=" + (get.file_type ? std::to_string(*get.file_type) : "-") +
         " agent=" + get.agent_guid;
}
std::string describe(const SetFileReputation& set) {
  return describe(set.hashes) + " " + to_string(set.trust_level) + " '" + set.filename + "' '" +
         set.comment + "'";
}
std::string describe(const ExternalReport& report) {
  return describe(report.hashes) + " " + to_string(report.trust_level) + " " +
         to_string(report.file_type) + " '" + report.filename + "' '" + report.comment + "'";
}
template <class T>
std::string describe(const dxl::Result<T>& result) {
  return result ? describe(*result) : "error " + std::to_string(result.error().peer_code);
}
std::string error(std::uint32_t code) { return "error " + std::to_string(code); }
std::string error(ReportRefusal refusal) { return error(static_cast<std::uint32_t>(refusal)); }

const std::string kAll = describe(notepad());
const std::string kMd5 = describe(notepad_md5());

TEST(DecodeGetFileReputation, ReadsWhatTheClientsSend) {
  const std::map<std::string, std::string> expected = {
      {"file-get/py/3-hashes", kAll + " scan=3 type=- agent="},
      {"file-get/py/no-hash", error(kBadHashes)},
      {"file-get/py/unknown-type", error(kBadHashes)},
      {"file-get/py/short-hash", error(kBadHashes)},
      {"file-get/js/3-hashes", kAll + " scan=- type=- agent="},
      {"file-get/js-ext/3-hashes", kAll + " scan=3 type=- agent="},
      {"file-get/schema",
       "d80008a09d098cef1a0279fb563cee97,70beb54036f4ddd0affb1d7caf1eafc92e13886c,-"
       " scan=1 type=18 agent="},
      {"file-get/minimal", "-,-," + notepad().sha256->to_hex() + " scan=- type=- agent="},
  };
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.topic != kTopicFileReputation || vector.role != "request") continue;
    ASSERT_TRUE(expected.contains(vector.id)) << vector.id;
    EXPECT_EQ(describe(decode_get_file_reputation(vector.payload)), expected.at(vector.id))
        << vector.id;
    ++seen;
  }
  EXPECT_EQ(seen, expected.size());
}

TEST(DecodeGetFileReputation, FollowsTheRulesForHashesAndNumbers) {
  const struct {
    std::string payload;
    std::string expected;
  } cases[] = {
      // Unknown types are ignored whatever their value is, as long as something usable remains.
      {with_hashes(R"({"type":"sha512","value":7},)" + std::string(kMd5Item)),
       kMd5 + " scan=- type=- agent="},
      {with_hashes(R"({"type":"MD5","value":"8se7isyX+S6Yei1Ah9AhsQ=="})"), error(kBadHashes)},
      {with_hashes(std::string(kMd5Item) + "," + std::string(kMd5Item)),
       kMd5 + " scan=- type=- agent="},
      {with_hashes(std::string(kMd5Item) + R"(,{"type":"md5","value":"AAAAAAAAAAAAAAAAAAAAAA=="})"),
       error(kBadHashes)},
      // Base64: padding may be missing, unused bits may be set, white space may not be there.
      {with_hashes(R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ"})"),
       kMd5 + " scan=- type=- agent="},
      {with_hashes(R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsR=="})"),
       kMd5 + " scan=- type=- agent="},
      {with_hashes(R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ== "})"), error(kBadHashes)},
      {with_hashes(R"({"type":"md5","value":"8se7isyX-S6Yei1Ah9AhsQ=="})"), error(kBadHashes)},
      {with_hashes(R"({"type":"md5","value":""})"), error(kBadHashes)},
      {with_hashes(R"({"type":"md5","value":"frATnSF1c5s8yw0REAZ4IL5qvSk="})"), error(kBadHashes)},
      {with_hashes(R"({"type":"md5"})"), error(kBadRequest)},
      {with_hashes(R"({"type":"md5","value":null})"), error(kBadRequest)},
      {with_hashes(R"({"type":"md5","value":5})"), error(kBadRequest)},
      {with_hashes(R"({"value":"8se7isyX+S6Yei1Ah9AhsQ=="})"), error(kBadRequest)},
      {with_hashes("null"), error(kBadRequest)},
      {with_hashes("[]"), error(kBadRequest)},
      {"{}", error(kBadRequest)},
      {R"({"hashes":null})", error(kBadRequest)},
      {R"({"hashes":{"md5":"f2c7bb8acc97f92e987a2d4087d021b1"}})", error(kBadRequest)},
      // Numbers: integers and integer-valued floats; text only where §1.2 names the member.
      {with_hashes(kMd5Item, R"(,"scanType":3.0,"fileType":4328554496)"),
       kMd5 + " scan=3 type=4328554496 agent="},
      {with_hashes(kMd5Item, R"(,"scanType":null,"agentGuid":null,"unknown":[{}])"),
       kMd5 + " scan=- type=- agent="},
      {with_hashes(kMd5Item, R"(,"agentGuid":"{3A6F}")"), kMd5 + " scan=- type=- agent={3A6F}"},
      {with_hashes(kMd5Item, R"(,"scanType":true)"), error(kBadRequest)},
      {with_hashes(kMd5Item, R"(,"scanType":"3")"), error(kBadRequest)},
      {with_hashes(kMd5Item, R"(,"scanType":3.5)"), error(kBadRequest)},
      {with_hashes(kMd5Item, R"(,"fileType":1e300)"), error(kBadRequest)},
      {with_hashes(kMd5Item, R"(,"agentGuid":7)"), error(kBadRequest)},
  };
  for (const auto& c : cases)
    EXPECT_EQ(describe(decode_get_file_reputation(c.payload)), c.expected) << c.payload;
}

TEST(DecodeSetFileReputation, ReadsWhatTheClientsSend) {
  const std::map<std::string, std::string> expected = {
      {"file-set/py/full", kAll + " KNOWN_TRUSTED 'notepad.exe' 'Reputation set via OpenDXL'"},
      {"file-set/py/clear", kMd5 + " NOT_SET '' ''"},
      {"file-set/py/non-ascii", kMd5 + " KNOWN_MALICIOUS 'caf\xC3\xA9.exe' '\xE4\xB8\xAD'"},
      {"file-set/py/unvalidated-trust", error(kBadTrustLevel)},
      {"file-set/py/null-trust-no-hash", error(kBadRequest)},
      {"file-set/js/full", kAll + " KNOWN_TRUSTED 'notepad.exe' 'Reputation set via OpenDXL'"},
      {"file-set/js/string-trust", kMd5 + " MOST_LIKELY_MALICIOUS '' ''"},
  };
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.topic != kTopicFileReputationSet || vector.role != "request") continue;
    ASSERT_TRUE(expected.contains(vector.id)) << vector.id;
    EXPECT_EQ(describe(decode_set_file_reputation(vector.payload)), expected.at(vector.id))
        << vector.id;
    ++seen;
  }
  EXPECT_EQ(seen, expected.size());
}

TEST(DecodeSetFileReputation, FollowsTheRulesForLevelsAndProviders) {
  const struct {
    std::string members;
    std::string expected;
  } cases[] = {
      {R"("trustLevel":99)", kMd5 + " KNOWN_TRUSTED '' ''"},
      {R"("trustLevel":"99","providerId":"3")", kMd5 + " KNOWN_TRUSTED '' ''"},
      {R"("trustLevel":99.0,"providerId":3.0)", kMd5 + " KNOWN_TRUSTED '' ''"},
      {R"("trustLevel":1,"providerId":null,"filename":null,"comment":null)",
       kMd5 + " KNOWN_MALICIOUS '' ''"},
      {R"("trustLevel":true)", error(kBadRequest)},
      {R"("trustLevel":false)", error(kBadRequest)},
      {R"("trustLevel":"KNOWN_TRUSTED")", error(kBadRequest)},
      {R"("trustLevel":"99.0")", error(kBadRequest)},
      {R"("trustLevel":"")", error(kBadRequest)},
      {R"("trustLevel":98.5)", error(kBadRequest)},
      {R"("trustLevel":[99])", error(kBadRequest)},
      {R"("trustLevel":null)", error(kBadRequest)},
      {R"("providerId":3)", error(kBadRequest)},
      {R"("trustLevel":99,"providerId":true)", error(kBadRequest)},
      {R"("trustLevel":99,"filename":5)", error(kBadRequest)},
      {R"("trustLevel":99,"comment":{})", error(kBadRequest)},
      {R"("trustLevel":42)", error(kBadTrustLevel)},
      {R"("trustLevel":-1)", error(kBadTrustLevel)},
      {R"("trustLevel":101)", error(kBadTrustLevel)},
      {R"("trustLevel":4294967395)", error(kBadTrustLevel)},
      {R"("trustLevel":99,"providerId":15)", error(kBadProvider)},
      {R"("trustLevel":99,"providerId":4294967299)", error(kBadProvider)},
      {R"("trustLevel":42,"providerId":15)", error(kBadTrustLevel)},
  };
  for (const auto& c : cases)
    EXPECT_EQ(describe(decode_set_file_reputation(set_with(c.members))), c.expected) << c.members;
  EXPECT_EQ(describe(decode_set_file_reputation(R"({"trustLevel":99,"hashes":[]})")),
            error(kBadHashes));
  EXPECT_EQ(describe(decode_set_file_reputation(R"({"trustLevel":99})")), error(kBadRequest));
}

TEST(DecodeSetFileReputation, CutsNamesAndCommentsTo500Characters) {
  std::string e_acute, ascii(500, 'x');
  for (int i = 0; i < 500; ++i) e_acute += "\xC3\xA9";
  const auto set =
      decode_set_file_reputation(set_with(R"("trustLevel":99,"filename":")" + e_acute +
                                          "\xE4\xB8\xAD" + R"(","comment":")" + ascii + R"(y")"));
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->filename, e_acute);
  EXPECT_EQ(set->comment, ascii);
  const auto exact =
      decode_set_file_reputation(set_with(R"("trustLevel":99,"filename":")" + e_acute + R"(")"));
  EXPECT_EQ(exact.value().filename, e_acute);
}

TEST(DecodeExternalReport, ReadsWhatTheClientsSend) {
  const std::string comment = "'External Reputation set via OpenDXL'";
  const std::map<std::string, std::string> expected = {
      {"ext/py/full", kAll + " MIGHT_BE_TRUSTED PEEXE 'random.exe' " + comment},
      {"ext/py/min", "f8d730d22827d2eb07bf4e4dc2328057,-,- KNOWN_MALICIOUS NONE '' ''"},
      {"ext/py/jar-non-ascii",
       "-,-," + notepad().sha256->to_hex() + " KNOWN_MALICIOUS JAR 'caf\xC3\xA9.jar' ''"},
      {"ext/py/float-score", kAll + " KNOWN_TRUSTED NONE '' ''"},
      {"ext/py/bool-score", error(ReportRefusal::kMalformed)},
      {"ext/js-ext/full", kAll + " MIGHT_BE_TRUSTED PEEXE 'random.exe' " + comment},
      {"ext/js-ext/min", kMd5 + " KNOWN_MALICIOUS NONE '' ''"},
      {"ext/js-ext/zero", kAll + " NOT_SET NONE '' ''"},
  };
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.topic != kTopicExternalReport) continue;
    ASSERT_TRUE(expected.contains(vector.id)) << vector.id;
    EXPECT_EQ(describe(decode_external_report(vector.payload)), expected.at(vector.id))
        << vector.id;
    ++seen;
  }
  EXPECT_EQ(seen, expected.size());
}

TEST(DecodeExternalReport, RefusesTheListOfHashesThatThePythonClientLetsThrough) {
  std::size_t seen = 0;
  for (const Json& call : payload_fixtures().at("client_validation").at("external")) {
    if (call.at("case") != "ext list hashes") continue;
    EXPECT_EQ(describe(decode_external_report(call.at("sent").get<std::string>())),
              error(ReportRefusal::kMalformed));
    ++seen;
  }
  EXPECT_EQ(seen, 1U);
}

// A report that is wrong in no way, as JSON to be changed.
Json good_report() { return Json::parse(payload_of("ext/py/full")); }

std::string refusal_of(const Json& report) {
  const auto result = decode_external_report(report.dump());
  if (result) return "accepted";
  return std::string(to_string(static_cast<ReportRefusal>(result.error().peer_code)));
}

TEST(DecodeExternalReport, NamesTheFirstReasonInTheDocumentedOrder) {
  Json report = good_report();
  EXPECT_EQ(refusal_of(report), "accepted");
  report["file"]["hashes"] = {{"md5", "abc"}};
  EXPECT_EQ(refusal_of(report), "hashes");
  report["file"]["reputation"]["score"] = 42;
  EXPECT_EQ(refusal_of(report), "level");
  report["provider"]["id"] = 3;
  EXPECT_EQ(refusal_of(report), "provider");
  report["comment"] = 5;
  EXPECT_EQ(refusal_of(report), "malformed");
}

TEST(DecodeExternalReport, FollowsTheRulesMemberByMember) {
  const struct {
    const char* pointer;
    Json value;  // discarded: the member is removed
    const char* expected;
  } cases[] = {
      {"/comment", nullptr, "accepted"},
      {"/comment", true, "malformed"},
      {"/provider", nullptr, "malformed"},
      {"/provider", 15, "malformed"},
      {"/provider/id", nullptr, "malformed"},
      {"/provider/id", "15", "malformed"},
      {"/provider/id", true, "malformed"},
      {"/provider/id", 15.0, "accepted"},
      {"/provider/id", 11, "provider"},
      {"/file", nullptr, "malformed"},
      {"/file", Json::array(), "malformed"},
      {"/file/type", nullptr, "accepted"},
      {"/file/type", 18.0, "accepted"},
      {"/file/type", 3, "accepted"},
      {"/file/type", 9223372036854775807, "accepted"},
      {"/file/type", 9223372036854775808U, "malformed"},
      {"/file/type", -1, "malformed"},
      {"/file/type", "18", "malformed"},
      {"/file/type", 18.5, "malformed"},
      {"/file/attributes", nullptr, "accepted"},
      {"/file/attributes", "random.exe", "malformed"},
      {"/file/attributes/filename", nullptr, "accepted"},
      {"/file/attributes/filename", "", "accepted"},
      {"/file/attributes/filename", 5, "malformed"},
      {"/file/reputation", nullptr, "malformed"},
      {"/file/reputation", 70, "malformed"},
      {"/file/reputation/score", nullptr, "malformed"},
      {"/file/reputation/score", "70", "malformed"},
      {"/file/reputation/score", 70.5, "malformed"},
      {"/file/reputation/score", 7, "level"},
      {"/file/reputation/score", -1, "level"},
      {"/file/reputation/score", 4294967366, "level"},
      {"/file/hashes", nullptr, "malformed"},
      {"/file/hashes", Json::object(), "hashes"},
      {"/file/hashes", {{"sha512", "00"}}, "hashes"},
      {"/file/hashes", {{"MD5", "f2c7bb8acc97f92e987a2d4087d021b1"}}, "hashes"},
      {"/file/hashes/md5", nullptr, "accepted"},
      {"/file/hashes/md5", "8se7isyX+S6Yei1Ah9AhsQ==", "hashes"},
      {"/file/hashes/md5", "", "hashes"},
      {"/file/hashes/md5", 5, "malformed"},
      {"/file/hashes/sha512", 5, "accepted"},
      {"/file/hashes/sha1", "zzb0139d2175739b3ccb0d1110067820be6abd29", "hashes"},
  };
  for (const auto& c : cases) {
    Json report = good_report();
    report[Json::json_pointer(c.pointer)] = c.value;
    EXPECT_EQ(refusal_of(report), c.expected) << c.pointer << " = " << c.value;
  }
}

TEST(DecodeExternalReport, GivesEachRefusalItsDocumentedName) {
  EXPECT_EQ(to_string(ReportRefusal::kDisabled), "disabled");
  EXPECT_EQ(to_string(ReportRefusal::kUnauthorized), "unauthorized");
  EXPECT_EQ(to_string(ReportRefusal::kFilename), "filename");
}

}  // namespace
}  // namespace tie
