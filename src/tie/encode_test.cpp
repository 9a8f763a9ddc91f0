#include "tie/codec.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

// What the Python client wrote, without its spaces and \u escapes: members and their order remain.
std::string compact(const std::string& payload) { return Json::parse(payload).dump(); }

template <class Append, class... Args>
std::string written(Append append, const Args&... args) {
  std::string out = "kept:";
  append(args..., out);
  EXPECT_TRUE(out.starts_with("kept:"));
  return out.substr(5);
}

TEST(EncodeRequests, WriteWhatThePythonClientWrites) {
  EXPECT_EQ(written(append_get_file_reputation, notepad()),
            compact(payload_of("file-get/py/3-hashes")));
  EXPECT_EQ(written(append_get_file_reputation, FileHashes{}),
            compact(payload_of("file-get/py/no-hash")));
  EXPECT_EQ(written(append_set_file_reputation,
                    SetFileReputation{notepad(), TrustLevel::kKnownTrusted, "notepad.exe",
                                      "Reputation set via OpenDXL"}),
            compact(payload_of("file-set/py/full")));
  EXPECT_EQ(written(append_set_file_reputation,
                    SetFileReputation{notepad_md5(), TrustLevel::kNotSet, "", ""}),
            compact(payload_of("file-set/py/clear")));
  EXPECT_EQ(written(append_set_file_reputation,
                    SetFileReputation{notepad_md5(), TrustLevel::kKnownMalicious, "caf\xC3\xA9.exe",
                                      "\xE4\xB8\xAD"}),
            compact(payload_of("file-set/py/non-ascii")));
  EXPECT_EQ(written(append_external_report,
                    ExternalReport{notepad(), TrustLevel::kMightBeTrusted, FileType::kPeexe,
                                   "random.exe", "External Reputation set via OpenDXL"}),
            compact(payload_of("ext/py/full")));
  EXPECT_EQ(written(append_external_report, ExternalReport{{{}, {}, notepad().sha256},
                                                           TrustLevel::kKnownMalicious,
                                                           FileType::kJar,
                                                           "caf\xC3\xA9.jar",
                                                           ""}),
            compact(payload_of("ext/py/jar-non-ascii")));
}

TEST(EncodeRequests, WriteWhatThePythonClientWritesForCertificatesAndFirstReferences) {
  const Certificate set_certificate{
      Sha1::parse("1c26e2037c8e205b452cab3565d696512207d66d").value(),
      Sha1::parse("b4c3b2d596d1461c1bb417b92dcd74817abb829d").value()};
  const Certificate get_certificate{
      Sha1::parse("6eae26db8c13182a7947982991b4321732cc3de2").value(),
      Sha1::parse("3b87a2d6f39770160364b79a152fcc73bae27adf").value()};
  const auto without_key = [](const Certificate& certificate) {
    return Certificate{certificate.sha1, {}};
  };
  EXPECT_EQ(written(append_set_cert_reputation,
                    SetCertReputation{set_certificate, TrustLevel::kKnownTrusted,
                                      "Reputation set via OpenDXL"}),
            compact(payload_of("cert-set/py/full")));
  EXPECT_EQ(written(append_set_cert_reputation,
                    SetCertReputation{without_key(set_certificate), TrustLevel::kUnknown, ""}),
            compact(payload_of("cert-set/py/no-key")));
  EXPECT_EQ(written(append_get_cert_agents, GetCertAgents{get_certificate, 500}),
            compact(payload_of("cert-agents/py/with-key")));
  EXPECT_EQ(written(append_get_file_agents, GetFileAgents{notepad(), 500}),
            compact(payload_of("file-agents/py/default")));
  EXPECT_EQ(written(append_get_file_agents, GetFileAgents{{{}, notepad().sha1, {}}, 5}),
            compact(payload_of("file-agents/py/limit5")));
  // The Python client sends no scanType here; without one we would count as an endpoint (§3.4).
  for (const auto& [id, certificate] :
       {std::pair("cert-get/py/with-key", get_certificate),
        std::pair("cert-get/py/no-key", without_key(get_certificate))}) {
    Json expected = Json::parse(payload_of(id));
    expected["scanType"] = 3;
    EXPECT_EQ(written(append_get_cert_reputation, certificate), expected.dump()) << id;
  }
}

TEST(EncodeRequests, WriteUpdatesInfoAndSearch) {
  EXPECT_EQ(written(append_get_updates, GetUpdates{.since = 1700000000}),
            payload_of("updates/minimal"));
  GetUpdates some{.since = 5};
  some.query_limit = 300;
  some.targeted = false;
  some.file_type = GetUpdates::FileType::kSha256;
  EXPECT_EQ(written(append_get_updates, some),
            R"({"sinceTime":5,"queryLimit":300,"targeted":false,)"
            R"("targetTypes":{"file":"sha256","cert":"sha1"}})");
  GetUpdates files{.since = 5};
  files.certificates = false;
  EXPECT_EQ(written(append_get_updates, files), R"({"sinceTime":5,"targetTypes":{"file":"sha1"}})");
  GetUpdates certificates{.since = 5};
  certificates.files = false;
  EXPECT_EQ(written(append_get_updates, certificates),
            R"({"sinceTime":5,"targetTypes":{"cert":"sha1"}})");
  EXPECT_EQ(written(append_get_file_info, std::vector<FileHashes>{notepad()}),
            payload_of("file-info/req"));
  EXPECT_EQ(written(append_search_files, SearchFiles{"notepad", 10}),
            payload_of("file-search/req"));
}

TEST(EncodeRequests, HoldTheSameMembersAsTheJavaScriptClients) {
  // nlohmann::json compares without regard to order.
  const auto same = [](const std::string& ours, const std::string& theirs) {
    return nlohmann::json::parse(ours) == nlohmann::json::parse(theirs);
  };
  EXPECT_TRUE(
      same(written(append_get_file_reputation, notepad()), payload_of("file-get/js-ext/3-hashes")));
  EXPECT_TRUE(same(written(append_set_file_reputation,
                           SetFileReputation{notepad(), TrustLevel::kKnownTrusted, "notepad.exe",
                                             "Reputation set via OpenDXL"}),
                   payload_of("file-set/js/full")));
  EXPECT_TRUE(same(written(append_external_report,
                           ExternalReport{notepad(), TrustLevel::kNotSet, FileType::kNone, "", ""}),
                   payload_of("ext/js-ext/zero")));
}

TEST(EncodeRequests, ComeBackFromTheDecoderAsTheyWere) {
  const ExternalReport report{notepad_md5(), TrustLevel::kMostLikelyTrusted,
                              static_cast<FileType>(0x7FFFFFFFFFFFFFFF), "a \"b\" \\ c\n\x01",
                              std::string("nul \0 and \xF0\x9F\x90\x89", 14)};
  EXPECT_EQ(decode_external_report(written(append_external_report, report)).value(), report);
}

TEST(EncodeReputations, WriteDerivedAnswersByteForByte) {
  for (const char* id : {"file-get/resp/unknown-file", "file-get/resp/atd-and-external"}) {
    const std::string payload = payload_of(id);
    const auto answer = decode_reputations(payload);
    ASSERT_TRUE(answer) << id << ": " << answer.error().message;
    EXPECT_EQ(written(append_reputations, *answer), payload) << id;
  }
}

TEST(EncodeFileChange, WritesDerivedEventsByteForByte) {
  std::size_t seen = 0;
  for (const PayloadVector& vector : payload_vectors()) {
    if (vector.topic != kTopicFileChangeBroadcast || vector.origin != "derived") continue;
    const auto change = decode_file_change(vector.payload);
    ASSERT_TRUE(change) << vector.id << ": " << change.error().message;
    EXPECT_EQ(written(append_file_change, *change, ChangeEventExtras{}), vector.payload)
        << vector.id;
    ++seen;
  }
  EXPECT_EQ(seen, 5U);
}

TEST(EncodeFileChange, PutsNumberAndCauseAtTheEnd) {
  // Metadata is asked for in answers only: a snapshot has no submitMetaData.
  const FileReputationChange change{notepad_md5(), {{}, 5, true}, {{}, 6, true}, 7};
  EXPECT_EQ(written(append_file_change, change, ChangeEventExtras{8, 15, "external"}),
            R"({"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}],)"
            R"("oldReputations":{"reputations":[],"props":{"serverTime":5}},)"
            R"("newReputations":{"reputations":[],"props":{"serverTime":6}},"updateTime":7,)"
            R"("changeId":8,"cause":{"providerId":15,"kind":"external"}})");
}

TEST(EncodeEvents, WriteFirstInstanceAndPrevalence) {
  EXPECT_EQ(written(append_first_instance, notepad_md5(), "{guid}", "a.exe"),
            R"({"agentGuid":"{guid}","hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}],)"
            R"("name":"a.exe"})");
  EXPECT_EQ(
      written(append_first_instance, notepad_md5(), "{guid}", ""),
      R"({"agentGuid":"{guid}","hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}]})");
  EXPECT_EQ(written(append_prevalence, notepad_md5(), "{guid}", 1700000000, 125U, false),
            R"({"agentGuid":"{guid}","hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}],)"
            R"("agentFirstReference":1700000000,"enterpriseCount":125,"prevalent":false})");
}

TEST(EncodeOutcome, ComesBackFromTheDecoderAsItWas) {
  const std::string request = written(append_outcome_request, "{0-1}");
  EXPECT_EQ(request, R"({"messageId":"{0-1}"})");
  EXPECT_EQ(decode_outcome_request(request).value(), "{0-1}");
  const std::string outcome = written(append_outcome, ReportOutcome{"accepted", "", -5});
  EXPECT_EQ(outcome, R"({"outcome":"accepted","reason":"","time":-5})");
  EXPECT_EQ(decode_outcome(outcome).value().time, -5);
}

TEST(PackVersion, PlacesTheFieldsAsTheOriginalsReadThem) {
  std::size_t seen = 0;
  for (const Json& json : payload_fixtures().at("codecs").at("server_version")) {
    unsigned parts[4] = {};
    ASSERT_EQ(std::sscanf(json.at("text").get<std::string>().c_str(), "%u.%u.%u.%u", &parts[0],
                          &parts[1], &parts[2], &parts[3]),
              4);
    EXPECT_EQ(std::to_string(pack_version(static_cast<std::uint8_t>(parts[0]),
                                          static_cast<std::uint8_t>(parts[1]),
                                          static_cast<std::uint16_t>(parts[2]), parts[3])),
              json.at("encoded"));
    ++seen;
  }
  EXPECT_EQ(seen, 7U);
}

}  // namespace
}  // namespace tie
