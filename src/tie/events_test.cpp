// Answers and events of the whole service as values: certificates, first references, updates, file
// info, detection, first instance, prevalence.
#include <map>

#include "tie/answers.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

const Sha1 kCertSha1 = Sha1::parse("6eae26db8c13182a7947982991b4321732cc3de2").value();
const Sha1 kKeySha1 = Sha1::parse("3b87a2d6f39770160364b79a152fcc73bae27adf").value();
const Certificate kCertificate{kCertSha1, kKeySha1};
constexpr std::string_view kMd5Item = R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="})";

template <class Append, class... Args>
std::string written(Append append, const Args&... args) {
  std::string out = "kept:";
  append(args..., out);
  EXPECT_TRUE(out.starts_with("kept:"));
  return out.substr(5);
}

TEST(Overridden, IsReadFromBothPlacesAndWrittenToBoth) {  // §3.4
  const std::string file = R"({"hashes":[)" + std::string(kMd5Item) + "]}";
  const std::string block = R"("overridden":{"files":[)" + file + R"(],"truncated":1})";
  const std::string entry = R"("trustLevel":0,"providerId":4,"createDate":5,"attributes":{})";
  const std::string top = R"({"reputations":[{)" + entry + "}]," + block + "}";
  const std::string inside = R"({"reputations":[{)" + entry + "," + block + "}]}";
  const OverriddenFiles expected{{notepad_md5()}, true};
  for (const std::string& payload : {top, inside}) {
    const auto answer = decode_reputations(payload);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->overridden, expected) << payload;
    EXPECT_EQ(written(append_reputations, *answer),
              R"({"reputations":[{)" + entry + "," + block + "}]," + block +
                  R"(,"props":{"serverTime":0,"submitMetaData":0}})");
  }
  // Only the Enterprise entry of a certificate carries it.
  const Reputations file_answer{
      {{Provider::kEnterprise, TrustLevel::kNotSet, 0, {}}}, 0, false, expected};
  const std::string text = written(append_reputations, file_answer);
  EXPECT_EQ(text.find("overridden"), text.rfind("overridden"));
}

TEST(Overridden, ForgivesFilesItCannotNameButNotWrongTypes) {
  const auto read = [](const std::string& overridden) {
    return decode_reputations(R"({"overridden":)" + overridden + "}");
  };
  EXPECT_EQ(read("{}")->overridden, OverriddenFiles{});
  EXPECT_EQ(read("null")->overridden, std::nullopt);
  EXPECT_EQ(
      read(R"({"files":[{"hashes":[]},{"hashes":[{"type":"sha512","value":""}]}]})")->overridden,
      OverriddenFiles{});
  for (const char* bad :
       {"[]", "5", R"({"files":{}})", R"({"files":[5]})", R"({"files":[{}]})",
        R"({"truncated":"1"})", R"({"files":[{"hashes":[{"type":"md5","value":"x"}]}]})"}) {
    EXPECT_FALSE(read(bad)) << bad;
  }
}

TEST(CertificateAnswers, OfTheServiceAreWrittenByteForByte) {
  const std::string unknown = payload_of("cert-get/resp/unknown-cert");
  EXPECT_EQ(written(append_reputations, decode_reputations(unknown).value()), unknown);
}

TEST(FileChange, CarriesItsSignerNumberAndCause) {
  const std::string payload = payload_of("file-repchange-bc/with-signer");
  const auto change = decode_file_change(payload);
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->signer, kCertificate);
  EXPECT_EQ(change->change_id, 0U);
  EXPECT_EQ(change->cause, std::nullopt);
  EXPECT_EQ(written(append_file_change, *change, ChangeEventExtras{}), payload);

  const auto ours = decode_file_change(
      written(append_file_change, *change, ChangeEventExtras{8, 15, "external"}));
  ASSERT_TRUE(ours) << ours.error().message;
  FileReputationChange expected = *change;
  expected.change_id = 8;
  expected.cause = {Provider::kExternal, "external"};
  EXPECT_EQ(*ours, expected);
}

TEST(FileChange, HasNoSignerWithoutAUsableSha1) {
  const auto read = [](const std::string& relationships) {
    return decode_file_change(R"({"hashes":[)" + std::string(kMd5Item) + R"(],"relationships":)" +
                              relationships + "}");
  };
  for (const char* nothing :
       {"null", "{}", R"({"certificate":{}})", R"({"certificate":{"hashes":[]}})",
        R"({"certificate":{"publicKeySha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8="}})",
        R"({"certificate":{"hashes":[{"type":"sha512","value":"x"}]}})"}) {
    const auto change = read(nothing);
    ASSERT_TRUE(change) << nothing;
    EXPECT_EQ(change->signer, std::nullopt) << nothing;
  }
  for (const char* bad : {"[]", R"({"certificate":5})", R"({"certificate":{"hashes":{}}})",
                          R"({"certificate":{"hashes":[{"type":"sha1","value":"AAAA"}]}})"}) {
    EXPECT_FALSE(read(bad)) << bad;
  }
}

TEST(CertChange, IsReadExactlyAndWrittenByteForByte) {
  const std::string payload = payload_of("cert-set/event/derived");
  const auto change = decode_cert_change(payload);
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->certificate, kCertificate);
  EXPECT_EQ(change->update_time, 1700000100);
  EXPECT_EQ(change->new_reputations.find(Provider::kCertEnterprise)->trust_level,
            TrustLevel::kKnownTrusted);
  EXPECT_EQ(written(append_cert_change, *change, ChangeEventExtras{}), payload);
  const std::string ours =
      written(append_cert_change, *change, ChangeEventExtras{9, 4, "enterprise"});
  EXPECT_EQ(ours, payload.substr(0, payload.size() - 1) +
                      R"(,"changeId":9,"cause":{"providerId":4,"kind":"enterprise"}})");
  EXPECT_EQ(decode_cert_change(ours)->change_id, 9U);
  EXPECT_EQ(decode_cert_change(ours)->cause,
            (ChangeCause{Provider::kCertEnterprise, "enterprise"}));
  for (const char* bad : {"{}", R"({"hashes":[]})",
                          R"({"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}]})"}) {
    EXPECT_FALSE(decode_cert_change(bad)) << bad;
  }
}

TEST(CertChange, RefusesNumbersThatCannotBe) {
  for (const char* more : {R"("changeId":-1)", R"("changeId":1.5)", R"("cause":[])",
                           R"("cause":{"providerId":4294967296})", R"("cause":{"kind":5})"}) {
    EXPECT_FALSE(decode_cert_change(
        R"({"hashes":[{"type":"sha1","value":"bq4m24wTGCp5R5gpkbQyFzLMPeI="}],)" +
        std::string(more) + "}"))
        << more;
  }
}

TEST(Snapshots, HoldNeitherMetadataWishNorOverriddenFiles) {  // L6
  Reputations snapshot{{{Provider::kCertEnterprise, TrustLevel::kNotSet, 1, {}}},
                       2,
                       true,
                       OverriddenFiles{{notepad()}, false}};
  const CertificateReputationChange change{kCertificate, snapshot, snapshot, 3};
  const std::string text = written(append_cert_change, change, ChangeEventExtras{});
  EXPECT_EQ(text.find("overridden"), std::string::npos);
  EXPECT_EQ(text.find("submitMetaData"), std::string::npos);
}

TEST(FirstReferences, AreReadAsTheOriginalClientsReadThem) {
  EXPECT_EQ(written(append_first_references, FirstReferences{}),
            payload_of("file-agents/resp/derived-empty"));
  const FirstReferences three{{{"{a}", 5}, {"{b}", 6}}, 9};
  const std::string text = written(append_first_references, three);
  EXPECT_EQ(text, R"({"totalCount":9,"agents":[{"agentGuid":"{a}","date":5},)"
                  R"({"agentGuid":"{b}","date":6}]})");
  EXPECT_EQ(decode_first_references(text).value(), three);
  // Without a count there are as many as are listed.
  EXPECT_EQ(decode_first_references(payload_of("file-agents/resp/fake-no-total"))->total_count, 3U);
  const std::map<std::string, bool> expected = {{"no agents member", true},
                                                {"agents null", true},
                                                {"null", false},
                                                {"trailing NUL x2", true}};
  std::size_t seen = 0;
  for (const Json& json : payload_fixtures().at("agents_edge_cases")) {
    const std::string name = json.at("case");
    ASSERT_TRUE(expected.contains(name)) << name;
    const auto references = decode_first_references(json.at("payload").get<std::string>());
    EXPECT_EQ(references.has_value(), expected.at(name)) << name;
    if (references) {
      EXPECT_EQ(*references, FirstReferences{}) << name;
    }
    ++seen;
  }
  EXPECT_EQ(seen, expected.size());
  for (const char* bad : {R"({"agents":{}})", R"({"agents":[5]})", R"({"agents":[{"date":5}]})",
                          R"({"agents":[{"agentGuid":5}]})", R"({"totalCount":-1})"}) {
    EXPECT_FALSE(decode_first_references(bad)) << bad;
  }
}

TEST(Updates, NameEachFileByOneDigestOfTheWantedType) {  // §3.7
  const FileHashes no_sha256{notepad().md5, notepad().sha1, {}};
  const FileHashes only_sha256{{}, {}, notepad().sha256};
  const Updates updates{
      {notepad(), no_sha256, notepad_md5(), only_sha256}, {kCertSha1}, 5, true, 6};
  const std::string md5 = R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="})";
  const std::string sha1 = R"({"type":"sha1","value":"frATnSF1c5s8yw0REAZ4IL5qvSk="})";
  const std::string sha256 =
      R"({"type":"sha256","value":"FC4daI7wVoNww3GH/Z8jUdfd7aV0+L+psPpO9C24WqI="})";
  const std::string certificates =
      R"("certificateHashes":[{"type":"sha1","value":"bq4m24wTGCp5R5gpkbQyFzLMPeI="}])";
  const std::string end =
      R"(,"latestUpdateTime":5,"props":{"serverTime":6,"queryLimitExceeded":true}})";
  const auto expected = [&](const std::string& files) {
    return R"({"fileHashes":[)" + files + "]," + certificates + end;
  };
  using Type = GetUpdates::FileType;
  const auto answer = [&](Type type) {
    GetUpdates request;
    request.file_type = type;
    return written(append_updates, updates, request);
  };
  const std::string by_default = sha1 + "," + sha1 + "," + md5 + "," + sha256;
  EXPECT_EQ(answer(Type::kAny), expected(by_default));
  EXPECT_EQ(answer(Type::kSha1), expected(by_default));
  EXPECT_EQ(answer(Type::kMd5), expected(md5 + "," + md5 + "," + md5 + "," + sha256));
  EXPECT_EQ(answer(Type::kSha256), expected(sha256 + "," + sha1 + "," + md5 + "," + sha256));

  GetUpdates one;
  one.files = false;
  EXPECT_EQ(written(append_updates, updates, one), "{" + certificates + end);
  one.certificates = false;
  EXPECT_EQ(written(append_updates, Updates{{}, {}, 5, false, 6}, one),
            R"({"latestUpdateTime":5})");

  const auto read = decode_updates(answer(Type::kSha256));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->files, (std::vector<FileHashes>{
                             only_sha256, {{}, notepad().sha1, {}}, notepad_md5(), only_sha256}));
  EXPECT_EQ(read->certificates, std::vector<Sha1>{kCertSha1});
  EXPECT_TRUE(read->more);
  EXPECT_EQ(read->latest_update_time, 5);
  EXPECT_EQ(read->server_time, 6);
}

TEST(Updates, AreReadWithNumbersForBooleansAndWithoutListsButNotWithBadDigests) {
  EXPECT_TRUE(decode_updates(R"({"props":{"queryLimitExceeded":1}})")->more);
  EXPECT_FALSE(decode_updates(R"({"props":{"serverTime":7}})")->more);
  EXPECT_EQ(decode_updates("{}").value(), Updates{});
  // A subject we would not drop from a cache must not go unnoticed.
  for (const char* bad : {R"({"fileHashes":[{"type":"md5","value":"x"}]})", R"({"fileHashes":[5]})",
                          R"({"certificateHashes":{}})", R"({"fileHashes":[{"type":"md5"}]})"}) {
    EXPECT_FALSE(decode_updates(bad)) << bad;
  }
}

TEST(FileInfos, ComeBackByteForByteWithNullForWhatIsUnknown) {
  for (const char* id : {"file-info/resp", "file-search/resp"}) {
    const std::string payload = payload_of(id);
    const auto infos = decode_file_infos(payload);
    ASSERT_TRUE(infos) << infos.error().message;
    ASSERT_EQ(infos->size(), 1U);
    const FileInfo& info = infos->front();
    EXPECT_EQ(info.hashes, notepad());
    EXPECT_EQ(info.names, std::vector<std::string>{"NOTEPAD.EXE"});
    EXPECT_EQ(info.cert_gti, TrustLevel::kKnownTrusted);
    EXPECT_EQ(info.composite, to_composite_text(TrustLevel::kKnownTrusted, Provider::kCertGti));
    EXPECT_EQ(info.first_contact, 1481644243000);
    EXPECT_EQ(info.prevalent, false);
    EXPECT_EQ(info.profiler_flags, "");
    EXPECT_EQ(info.size, std::nullopt);
    EXPECT_EQ(written(append_file_infos, *infos), payload);
  }
  EXPECT_EQ(written(append_file_infos, std::vector<FileInfo>{}), R"({"results":[]})");
  EXPECT_EQ(to_composite_text(TrustLevel::kKnownMalicious, Provider::kExternal), " 001|15");
}

TEST(FileInfos, KeepWhatTheyHold) {
  FileInfo info;
  info.hashes = notepad();
  info.names = {"a", "b \"c\""};
  info.size = 5;
  info.file_type = FileType::kJar;
  info.enterprise = {TrustLevel::kMostLikelyMalicious, 1700000000123};
  info.mwg.level = TrustLevel::kUnknown;
  info.cert_sha1 = kCertSha1;
  info.local = {3, 100, 1, 150};
  info.local_latest = 49;
  info.file_paths = std::vector<std::string>{};
  info.prevalent = true;
  const std::vector<FileInfo> infos = {info, FileInfo{}};
  EXPECT_EQ(decode_file_infos(written(append_file_infos, infos)).value(), infos);
}

TEST(Detection, IsWrittenAndReadBack) {
  const Detection detection{"{a}", notepad_md5(), 1700000000, 1, 5, "a.exe"};
  const std::string text = written(append_detection, detection);
  EXPECT_EQ(text, R"({"agentGuid":"{a}","hashes":[)" + std::string(kMd5Item) +
                      R"(],"detectionTime":1700000000,"localReputation":1,"remediationAction":5,)"
                      R"("name":"a.exe"})");
  EXPECT_EQ(decode_detection(text).value(), detection);
  const auto doc = decode_detection(payload_of("detection/doc"));
  ASSERT_TRUE(doc) << doc.error().message;
  EXPECT_EQ(doc->name, "FOCUS_MALWARE2.EXE");
  EXPECT_EQ(doc->remediation_action, 5);
  EXPECT_FALSE(decode_detection(R"({"agentGuid":"{a}"})"));
}

TEST(FirstInstance, IsReadWithAndWithoutAName) {
  const std::string text = written(append_first_instance, notepad_md5(), "{a}", "a.exe");
  EXPECT_EQ(decode_first_instance(text).value(), (FirstInstance{"{a}", notepad_md5(), "a.exe"}));
  EXPECT_EQ(decode_first_instance(written(append_first_instance, notepad_md5(), "", "")).value(),
            (FirstInstance{"", notepad_md5(), ""}));
  EXPECT_FALSE(decode_first_instance(R"({"hashes":[]})"));
}

TEST(Prevalence, IsReadBack) {
  const std::string text = written(append_prevalence, notepad_md5(), "{a}", 1700000000, 125U, true);
  EXPECT_EQ(decode_prevalence(text).value(),
            (Prevalence{"{a}", notepad_md5(), 1700000000, 125, true, ""}));
  EXPECT_FALSE(decode_prevalence(
      R"({"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}],"enterpriseCount":-1})"));
}

}  // namespace
}  // namespace tie
