// The requests of the whole service as values: certificates, first references, updates, metadata,
// sandbox reports, file info, and the order in which mistakes are told.
#include <limits>

#include "tie/codec.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

constexpr auto kBadRequest = static_cast<std::uint32_t>(ServiceError::kBadRequest);
constexpr auto kBadHashes = static_cast<std::uint32_t>(ServiceError::kBadHashes);
constexpr auto kBadTrustLevel = static_cast<std::uint32_t>(ServiceError::kBadTrustLevel);
constexpr auto kBadProvider = static_cast<std::uint32_t>(ServiceError::kBadProvider);
constexpr auto kBadParameter = static_cast<std::uint32_t>(ServiceError::kBadParameter);

// The certificate of the documentation, and its key.
constexpr std::string_view kSha1Item = R"({"type":"sha1","value":"bq4m24wTGCp5R5gpkbQyFzLMPeI="})";
constexpr std::string_view kKey = "O4ei1vOXcBYDZLeaFS/Mc7riet8=";
constexpr std::string_view kOtherKey = "tMOy1ZbRRhwbtBe5Lc10gXq7gp0=";
const Sha1 kCertSha1 = Sha1::parse("6eae26db8c13182a7947982991b4321732cc3de2").value();
const Sha1 kKeySha1 = Sha1::parse("3b87a2d6f39770160364b79a152fcc73bae27adf").value();
const Certificate kCertificate{kCertSha1, kKeySha1};

std::string with_sha1(std::string_view more = "") {
  return R"({"hashes":[)" + std::string(kSha1Item) + "]" + std::string(more) + "}";
}
std::string member(std::string_view name, std::string_view text) {
  return ",\"" + std::string(name) + "\":\"" + std::string(text) + "\"";
}

template <class T>
std::uint32_t code_of(const dxl::Result<T>& result) {
  return result ? 0 : result.error().peer_code;
}

TEST(DecodeGetFileReputation, NamesASignerOnlyWithItsCertificate) {
  const auto with = [](const std::string& more) {
    return decode_get_file_reputation(with_sha1(more));
  };
  EXPECT_EQ(
      with(member("certSha1", "bq4m24wTGCp5R5gpkbQyFzLMPeI=") + member("certPublicKeySha1", kKey))
          ->signer,
      kCertificate);
  EXPECT_EQ(with(member("certSha1", "bq4m24wTGCp5R5gpkbQyFzLMPeI="))->signer,
            (Certificate{kCertSha1, {}}));
  EXPECT_EQ(with(member("certPublicKeySha1", kKey))->signer, std::nullopt);
  EXPECT_EQ(with(R"(,"certSha1":null,"certPublicKeySha1":"")")->signer, std::nullopt);
  EXPECT_EQ(code_of(with(member("certSha1", "8se7isyX+S6Yei1Ah9AhsQ=="))), kBadHashes);
  EXPECT_EQ(code_of(with(member("certPublicKeySha1", "not base64"))), kBadHashes);
  EXPECT_EQ(code_of(with(R"(,"certSha1":5)")), kBadRequest);
}

TEST(DecodeCertRequests, ReadTheCertificateUnderEitherNameOfItsKey) {
  const auto get = decode_get_cert_reputation(
      with_sha1(member("publicKeySha1", kKey) + R"(,"scanType":3,"agentGuid":"{A}")"));
  ASSERT_TRUE(get) << get.error().message;
  EXPECT_EQ(get->certificate, kCertificate);
  EXPECT_EQ(get->scan_type, 3);
  EXPECT_EQ(get->agent_guid, "{A}");
  const auto certificate = [](const std::string& more) {
    return decode_get_cert_reputation(with_sha1(more)).value().certificate;
  };
  EXPECT_EQ(certificate(member("certPublicKeySha1", kKey)), kCertificate);
  EXPECT_EQ(certificate(member("publicKeySha1", kKey) + member("certPublicKeySha1", kKey)),
            kCertificate);
  EXPECT_EQ(certificate(member("publicKeySha1", "")), (Certificate{kCertSha1, {}}));
  EXPECT_EQ(certificate(R"(,"publicKeySha1":null)"), (Certificate{kCertSha1, {}}));
}

TEST(DecodeCertRequests, RefuseWhatNamesNoCertificate) {
  const struct {
    std::string payload;
    std::uint32_t code;
  } cases[] = {
      {R"({"hashes":[]})", kBadHashes},
      {R"({"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}]})", kBadHashes},
      {R"({"hashes":[{"type":"sha1","value":"8se7isyX+S6Yei1Ah9AhsQ=="}]})", kBadHashes},
      {with_sha1(member("publicKeySha1", kKey) + member("certPublicKeySha1", kOtherKey)),
       kBadHashes},
      {with_sha1(member("publicKeySha1", "8se7isyX+S6Yei1Ah9AhsQ==")), kBadHashes},
      {with_sha1(R"(,"publicKeySha1":5)"), kBadRequest},
      {with_sha1(R"(,"scanType":"3")"), kBadRequest},
      {"{}", kBadRequest},
  };
  for (const auto& c : cases)
    EXPECT_EQ(code_of(decode_get_cert_reputation(c.payload)), c.code) << c.payload;
  for (const auto& c : cases) {
    if (c.payload.find("scanType") != std::string::npos) continue;
    EXPECT_EQ(code_of(decode_get_cert_agents(c.payload)), c.code) << c.payload;
  }
}

TEST(DecodeSetCertReputation, TakesProviderFourAndOneOfTheNineLevels) {
  const auto set =
      decode_set_cert_reputation(with_sha1(R"(,"trustLevel":"99","comment":"c","filename":5)"));
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->trust_level, TrustLevel::kKnownTrusted);
  EXPECT_EQ(set->certificate, (Certificate{kCertSha1, {}}));
  EXPECT_EQ(set->comment, "c");
  const auto code = [](std::string_view more) {
    return code_of(decode_set_cert_reputation(with_sha1(more)));
  };
  EXPECT_EQ(code(R"(,"trustLevel":0,"providerId":4.0)"), 0U);
  EXPECT_EQ(code(R"(,"trustLevel":86)"), kBadTrustLevel);
  EXPECT_EQ(code(R"(,"trustLevel":99,"providerId":3)"), kBadProvider);
  EXPECT_EQ(code(R"(,"trustLevel":86,"providerId":3)"), kBadTrustLevel);
  EXPECT_EQ(code(R"(,"trustLevel":true)"), kBadRequest);
  EXPECT_EQ(code(""), kBadRequest);
}

TEST(Refusals, ComeInTheDocumentedOrderWhateverTheOrderOfMembers) {
  // Each payload has the mistake it is refused for and all that come after it.
  EXPECT_EQ(code_of(decode_set_file_reputation(
                R"({"hashes":[{"type":"md5","value":"x"}],"providerId":15,"trustLevel":42})")),
            kBadTrustLevel);
  EXPECT_EQ(code_of(decode_set_file_reputation(
                R"({"hashes":[{"type":"md5"}],"providerId":15,"trustLevel":42})")),
            kBadRequest);
  EXPECT_EQ(code_of(decode_set_file_reputation(
                R"({"hashes":[{"type":"md5","value":"x"},7],"providerId":15,"trustLevel":99})")),
            kBadRequest);
  EXPECT_EQ(code_of(decode_set_file_reputation(
                R"({"hashes":[{"type":"md5","value":"x"}],"providerId":15,"trustLevel":99})")),
            kBadProvider);
  EXPECT_EQ(code_of(decode_get_file_agents(R"({"queryLimit":true,"hashes":[]})")), kBadHashes);
  EXPECT_EQ(code_of(decode_get_file_agents(R"({"queryLimit":true,"hashes":5})")), kBadRequest);
}

TEST(DecodeAgents, ClampTheQueryLimit) {  // L10
  const struct {
    const char* value;
    std::optional<std::int64_t> limit;
  } cases[] = {
      {"null", std::nullopt},
      {"0", 1},
      {"-7", 1},
      {"1", 1},
      {"500.0", 500},
      {"\"42\"", 42},
      {"\"-42\"", 1},
      {"5000", kMaxQueryLimit},
      {"5001", kMaxQueryLimit},
      {"9223372036854775807", kMaxQueryLimit},
      {"18446744073709551615", kMaxQueryLimit},
      {"1e300", kMaxQueryLimit},
      {"-1e300", 1},
      {"\"99999999999999999999999\"", kMaxQueryLimit},
      {"\"-99999999999999999999999\"", 1},
  };
  for (const auto& c : cases) {
    const std::string more = R"(,"queryLimit":)" + std::string(c.value);
    const auto file = decode_get_file_agents(with_sha1(more));
    ASSERT_TRUE(file) << c.value << ": " << file.error().message;
    EXPECT_EQ(file->query_limit, c.limit) << c.value;
    EXPECT_EQ(decode_get_cert_agents(with_sha1(more))->query_limit, c.limit) << c.value;
  }
  EXPECT_EQ(decode_get_file_agents(with_sha1())->query_limit, std::nullopt);
  for (const char* value : {"true", "1.5", "\"\"", "\"-\"", "\"1.0\"", "\" 1\"", "[]", "{}"}) {
    const std::string more = R"(,"queryLimit":)" + std::string(value);
    EXPECT_EQ(code_of(decode_get_file_agents(with_sha1(more))), kBadParameter) << value;
    EXPECT_EQ(code_of(decode_get_cert_agents(with_sha1(more))), kBadParameter) << value;
  }
}

TEST(DecodeUpdates, ReadsTimesLimitsAndTypes) {
  const auto all = decode_get_updates(R"({"sinceTime":1700000000})");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->since, 1700000000);
  EXPECT_EQ(all->query_limit, std::nullopt);
  EXPECT_EQ(all->targeted, std::nullopt);
  EXPECT_TRUE(all->files && all->certificates);
  EXPECT_EQ(all->file_type, GetUpdates::FileType::kAny);

  const auto some = decode_get_updates(
      R"({"sinceTime":"-5","queryLimit":6000,"targeted":0,"targetTypes":{"file":"md5","x":1}})");
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_EQ(some->since, 0);
  EXPECT_EQ(some->query_limit, kMaxQueryLimit);
  EXPECT_EQ(some->targeted, false);
  EXPECT_TRUE(some->files);
  EXPECT_FALSE(some->certificates);
  EXPECT_EQ(some->file_type, GetUpdates::FileType::kMd5);

  const auto certificates = decode_get_updates(
      R"({"sinceTime":1e300,"targeted":true,"targetTypes":{"file":null,"cert":"sha1"}})");
  ASSERT_TRUE(certificates) << certificates.error().message;
  EXPECT_EQ(certificates->since, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(certificates->targeted, true);
  EXPECT_FALSE(certificates->files);
  EXPECT_TRUE(certificates->certificates);
}

TEST(DecodeUpdates, RefusesUnusableParameters) {
  const struct {
    const char* payload;
    std::uint32_t code;
  } cases[] = {
      {"{}", kBadRequest},
      {R"({"sinceTime":null})", kBadRequest},
      {R"({"sinceTime":true})", kBadParameter},
      {R"({"sinceTime":1.5})", kBadParameter},
      {R"({"sinceTime":"yesterday"})", kBadParameter},
      {R"({"sinceTime":1,"queryLimit":[]})", kBadParameter},
      {R"({"sinceTime":1,"targeted":"true"})", kBadRequest},
      {R"({"sinceTime":1,"targetTypes":[]})", kBadParameter},
      {R"({"sinceTime":1,"targetTypes":{"file":"sha512"}})", kBadParameter},
      {R"({"sinceTime":1,"targetTypes":{"file":5}})", kBadParameter},
      {R"({"sinceTime":1,"targetTypes":{"cert":"md5"}})", kBadParameter},
  };
  for (const auto& c : cases)
    EXPECT_EQ(code_of(decode_get_updates(c.payload)), c.code) << c.payload;
}

TEST(DecodeFileMetadata, ReadsADetectionExactly) {
  const auto metadata = decode_file_metadata(payload_of("file-meta/detection"));
  ASSERT_TRUE(metadata) << metadata.error().message;
  FileMetadata expected;
  expected.hashes = {
      Md5::parse("44d88612fea8a8f36de82e1278abb02f").value(),
      Sha1::parse("3395856ce81f2b7382dee72602f798b642f14140").value(),
      Sha256::parse("275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f").value()};
  expected.agent_guid = "{68125cd6-a5d8-11e6-348e-000c29663178}";
  expected.name = "EICAR.COM";
  expected.file_type = 1;
  expected.local_rep = 1;
  expected.detection_name = "EICAR test file";
  expected.remediation = 5;
  EXPECT_EQ(*metadata, expected);
}

TEST(DecodeFileMetadata, ForgivesWhatIsNotThereAndCutsWhatIsTooLong) {
  const auto minimal = decode_file_metadata(with_sha1(R"(,"name":null,"objectType":1)"));
  ASSERT_TRUE(minimal) << minimal.error().message;
  FileMetadata expected;
  expected.hashes.sha1 = kCertSha1;
  EXPECT_EQ(*minimal, expected);
  const auto full = decode_file_metadata(
      with_sha1(R"(,"version":22,"objectType":4,"path":")" + std::string(501, 'p') + '"' +
                member("parentSha1", kKey) + member("certSha1", kKey)));
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->version, "22");
  EXPECT_TRUE(full->is_process);
  EXPECT_EQ(full->path, std::string(kMaxNameCharacters, 'p'));
  EXPECT_EQ(full->parent_sha1, kKeySha1);
  EXPECT_EQ(full->signer, (Certificate{kKeySha1, {}}));
}

TEST(DecodeFileMetadata, RefusesLevelsAndDigestsThatCannotBe) {
  const struct {
    const char* more;
    std::uint32_t code;
  } cases[] = {
      {R"(,"localRep":101)", kBadRequest},
      {R"(,"localRep":-1)", kBadRequest},
      {R"(,"prePromptLocalRep":101)", kBadRequest},
      {R"(,"parentLocalRep":101)", kBadRequest},
      {R"(,"actorLocalRep":101)", kBadRequest},
      {R"(,"localRep":true)", kBadRequest},
      {R"(,"size":-1)", kBadRequest},
      {R"(,"fileType":-1)", kBadRequest},
      {R"(,"version":1.5)", kBadRequest},
      {R"(,"remediation":"5")", kBadRequest},
      {R"(,"parentSha1":"x")", kBadHashes},
      {R"(,"actorSha1":"AAAA")", kBadHashes},
      {R"(,"certSha1":"AAAA")", kBadHashes},
      {R"(,"localRep":100,"localRepRuleId":-7,"signedBits":-1)", 0},
  };
  for (const auto& c : cases)
    EXPECT_EQ(code_of(decode_file_metadata(with_sha1(c.more))), c.code) << c.more;
}

TEST(DecodeCertMetadata, ReadsEverythingAndBoundsTheSerialNumber) {
  const auto metadata = decode_cert_metadata(
      with_sha1(member("publicKeySha1", kKey) + member("algorithm", "sha1RSA") +
                member("serialNumber", "YRU0ZAAAAAAADA") + member("subjectName", "s") +
                member("subject", "CN=s") + member("issuer", "i") + member("issuerDN", "CN=i") +
                member("issuerSha1", kKey) + member("issuerPublicKeySha1", kKey) +
                R"(,"validFrom":-5,"validTo":7)"));
  ASSERT_TRUE(metadata) << metadata.error().message;
  const CertMetadata expected{kCertificate,
                              "sha1RSA",
                              "s",
                              "CN=s",
                              "i",
                              "CN=i",
                              std::string("\x61\x15\x34\x64\0\0\0\0\0\x0C", 10),
                              kKeySha1,
                              kKeySha1,
                              -5,
                              7};
  EXPECT_EQ(*metadata, expected);
  EXPECT_EQ(code_of(decode_cert_metadata(with_sha1(member("serialNumber", "?")))), kBadRequest);
  const std::string longest(86, 'A');  // 64 bytes
  EXPECT_EQ(code_of(decode_cert_metadata(with_sha1(member("serialNumber", longest)))), 0U);
  EXPECT_EQ(code_of(decode_cert_metadata(with_sha1(member("serialNumber", longest + 'A')))),
            kBadRequest);
}

// A sandbox's report that is wrong in no way, as JSON to be changed.
Json sandbox_report() { return Json::parse(payload_of("atd-report/shape")); }

std::string sandbox_refusal(const Json& report) {
  const auto result = decode_sandbox_report(report.dump());
  if (result) return "accepted";
  return std::string(to_string(static_cast<ReportRefusal>(result.error().peer_code)));
}

TEST(DecodeSandboxReport, TurnsSeveritiesIntoALevelAndAttributes) {
  const auto report = decode_sandbox_report(payload_of("atd-report/shape"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->hashes, notepad());
  EXPECT_EQ(report->trust_level, TrustLevel::kKnownMalicious);
  EXPECT_EQ(report->filename, "sample.exe");
  EXPECT_EQ(report->size, 774200U);
  const std::vector<std::pair<std::string, std::string>> attributes = {
      {"4194962", "0"}, {"4195218", "0"}, {"4195474", "4"}, {"4195730", "5"}};
  EXPECT_EQ(report->attributes, attributes);
}

TEST(DecodeSandboxReport, MapsEverySeverity) {  // §4.4
  const std::pair<int, int> levels[] = {{-2, 0}, {-1, 99}, {0, 85}, {1, 70},
                                        {2, 50}, {3, 30},  {4, 15}, {5, 1}};
  for (const auto& [severity, level] : levels) {
    Json json = sandbox_report();
    json["Summary"]["Verdict"]["Severity"] = std::to_string(severity);
    const auto report = decode_sandbox_report(json.dump());
    ASSERT_TRUE(report) << severity;
    EXPECT_EQ(report->trust_level, static_cast<TrustLevel>(level)) << severity;
    EXPECT_EQ(report->attributes.back().second, std::to_string(severity));
  }
}

TEST(DecodeSandboxReport, NamesTheFirstReasonAndForgivesMissingContext) {
  const struct {
    const char* pointer;
    Json value;
    const char* expected;
  } cases[] = {
      {"/Summary/Verdict/Severity", "6", "level"},
      {"/Summary/Verdict/Severity", "-3", "level"},
      {"/Summary/Verdict/Severity", "99999999999", "level"},
      {"/Summary/Verdict/Severity", "", "malformed"},
      {"/Summary/Verdict/Severity", 5, "accepted"},
      {"/Summary/Verdict", nullptr, "malformed"},
      {"/Summary/Subject", nullptr, "malformed"},
      {"/Summary", nullptr, "malformed"},
      {"/Summary/Selectors", nullptr, "accepted"},
      {"/Summary/Selectors", "x", "malformed"},
      {"/Summary/Selectors/0", 5, "malformed"},
      {"/Summary/Selectors/0/Engine", 5, "malformed"},
      {"/Summary/Selectors/0/Severity", "high", "accepted"},
      {"/Summary/Subject/md5", "Not Available", "accepted"},
      {"/Summary/Subject/md5", "", "accepted"},
      {"/Summary/Subject/md5", "F2C7", "hashes"},
      {"/Summary/Subject/sha-256", 5, "malformed"},
      {"/Summary/Subject/size", "Not Available", "accepted"},
      {"/Summary/Subject/Name", nullptr, "accepted"},
      {"/Summary/Subject/Name", {{"x", 1}}, "malformed"},
  };
  for (const auto& c : cases) {
    Json json = sandbox_report();
    json[Json::json_pointer(c.pointer)] = c.value;
    EXPECT_EQ(sandbox_refusal(json), c.expected) << c.pointer << " = " << c.value;
  }
  Json json = sandbox_report();
  json["Summary"]["Subject"] = {{"md5", "Not Available"}};
  EXPECT_EQ(sandbox_refusal(json), "hashes");
  json["Summary"]["Verdict"]["Severity"] = "9";
  EXPECT_EQ(sandbox_refusal(json), "level");
}

TEST(DecodeFileInfoRequests, TakeListsOfDigestsAndASearchText) {
  EXPECT_EQ(decode_get_file_info(payload_of("file-info/req")).value(),
            std::vector<FileHashes>{notepad()});
  const std::string list = "[" + std::string(kSha1Item) + "]";
  EXPECT_EQ(code_of(decode_get_file_info(R"({"hashes":)" + list + "}")), kBadRequest);
  EXPECT_EQ(code_of(decode_get_file_info(R"({"hashes":[]})")), kBadHashes);
  EXPECT_EQ(code_of(decode_get_file_info(R"({"hashes":[)" + list + ",[]]}")), kBadHashes);
  std::string many = list;
  for (std::size_t i = 1; i < kMaxInfoFiles; ++i) many += "," + list;
  EXPECT_EQ(decode_get_file_info(R"({"hashes":[)" + many + "]}")->size(), kMaxInfoFiles);
  EXPECT_EQ(code_of(decode_get_file_info(R"({"hashes":[)" + many + "," + list + "]}")),
            kBadRequest);

  const auto search = decode_search_files(R"({"searchString":"note"})");
  ASSERT_TRUE(search) << search.error().message;
  EXPECT_EQ(search->text, "note");
  EXPECT_EQ(search->rows, 100);
  EXPECT_EQ(decode_search_files(R"({"searchString":"n","numberOfRows":-1})")->rows, 1);
  EXPECT_EQ(decode_search_files(R"({"searchString":"n","numberOfRows":5000})")->rows,
            kMaxSearchRows);
  EXPECT_EQ(code_of(decode_search_files("{}")), kBadRequest);
  EXPECT_EQ(code_of(decode_search_files(R"({"searchString":"n","numberOfRows":"x"})")),
            kBadParameter);
}

}  // namespace
}  // namespace tie
