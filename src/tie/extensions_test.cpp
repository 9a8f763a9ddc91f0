// Payloads of our extensions as values.
#include "tie/extensions.hpp"

#include "tie/answers.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

constexpr auto kBadRequest = static_cast<std::uint32_t>(ServiceError::kBadRequest);
constexpr auto kBadHashes = static_cast<std::uint32_t>(ServiceError::kBadHashes);
constexpr auto kBadParameter = static_cast<std::uint32_t>(ServiceError::kBadParameter);

constexpr std::string_view kMd5Item = R"({"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="})";
constexpr std::string_view kSha1Item = R"({"type":"sha1","value":"bq4m24wTGCp5R5gpkbQyFzLMPeI="})";
const Sha1 kCertSha1 = Sha1::parse("6eae26db8c13182a7947982991b4321732cc3de2").value();
const Certificate kCertificate{kCertSha1, {}};

std::string item(std::string_view hash, std::string_view more = "") {
  return R"({"hashes":[)" + std::string(hash) + "]" + std::string(more) + "}";
}
std::string items(const std::string& list, std::string_view more = "") {
  return R"({"items":[)" + list + "]" + std::string(more) + "}";
}

template <class T>
std::uint32_t code_of(const dxl::Result<T>& result) {
  return result ? 0 : result.error().peer_code;
}
template <class Item>
std::uint32_t code_of_item(const Item& item) {
  return item.error ? static_cast<std::uint32_t>(item.error->code) : 0;
}

TEST(BatchGet, KeepsThePlaceOfItemsThatCannotBeUsed) {
  const auto get = decode_batch_get(
      items(item(kMd5Item) + "," + item(kSha1Item, R"(,"type":"cert")") + "," + item(kSha1Item) +
                "," + item("") + ",5,{}," + item(kMd5Item, R"(,"type":"cert")") + "," +
                item(kMd5Item, R"(,"type":"url")") + "," + item(kMd5Item, R"(,"type":null)"),
            R"(,"scanType":3)"));
  ASSERT_TRUE(get) << get.error().message;
  EXPECT_EQ(get->scan_type, 3);
  ASSERT_EQ(get->items.size(), 9U);
  EXPECT_EQ(get->items[0], (BatchGetItem{notepad_md5(), {}, {}}));
  EXPECT_EQ(get->items[1], (BatchGetItem{{}, kCertificate, {}}));
  EXPECT_EQ(get->items[2], (BatchGetItem{FileHashes{{}, kCertSha1, {}}, {}, {}}));
  const std::uint32_t codes[] = {kBadHashes, kBadRequest, kBadRequest, kBadHashes, kBadParameter};
  for (std::size_t i = 0; i < std::size(codes); ++i) {
    EXPECT_EQ(code_of_item(get->items[3 + i]), codes[i]) << i;
    EXPECT_FALSE(get->items[3 + i].file || get->items[3 + i].certificate) << i;
    EXPECT_FALSE(get->items[3 + i].error->message.empty()) << i;
  }
  EXPECT_EQ(get->items[8], get->items[0]);
}

TEST(Batches, AreRefusedAsAWholeOnlyForTheirForm) {
  std::string many = item(kMd5Item);
  for (std::size_t i = 1; i < kMaxBatchItems; ++i) many += "," + item(kMd5Item);
  EXPECT_EQ(decode_batch_get(items(many))->items.size(), kMaxBatchItems);
  const auto too_many = decode_batch_get(items(many + ",5"));
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, dxl::ErrorCode::kLimitExceeded);
  EXPECT_EQ(too_many.error().peer_code, kBadRequest);
  EXPECT_EQ(code_of(decode_batch_set(items(many + ",5"))), kBadRequest);
  EXPECT_TRUE(decode_batch_get(items(""))->items.empty());
  for (const char* payload : {"{}", R"({"items":{}})", R"({"items":null})", R"({"items":5})"}) {
    EXPECT_EQ(code_of(decode_batch_get(payload)), kBadRequest) << payload;
    EXPECT_EQ(code_of(decode_batch_set(payload)), kBadRequest) << payload;
  }
  // A pure read must not become a counted one by mistake.
  EXPECT_EQ(code_of(decode_batch_get(items(item(kMd5Item), R"(,"scanType":"3")"))), kBadRequest);
}

TEST(BatchSet, LetsTypeAndProviderFitEachOther) {
  const struct {
    const char* more;
    std::uint32_t code;  // or 0
    int provider;
  } cases[] = {
      {R"("trustLevel":99)", 0, 3},
      {R"("trustLevel":99,"type":"file")", 0, 3},
      {R"("trustLevel":99,"providerId":"3")", 0, 3},
      {R"("trustLevel":0,"providerId":15)", 0, 15},
      {R"("trustLevel":99,"type":"cert")", 0, 4},
      {R"("trustLevel":99,"providerId":4)", 0, 4},
      {R"("trustLevel":99,"type":"cert","providerId":4)", 0, 4},
      {R"("trustLevel":99,"type":"cert","providerId":3)", 4, 0},
      {R"("trustLevel":99,"type":"file","providerId":4)", 4, 0},
      {R"("trustLevel":99,"providerId":1)", 4, 0},
      {R"("trustLevel":99,"providerId":5)", 4, 0},
      {R"("trustLevel":42,"providerId":5)", 3, 0},
      {R"("trustLevel":99,"providerId":true)", 1, 0},
      {R"("providerId":3)", 1, 0},
      {R"("trustLevel":99,"type":"url")", 5, 0},
      {R"("trustLevel":99,"fileType":-1)", 1, 0},
      {R"("trustLevel":99,"filename":5)", 1, 0},
  };
  for (const auto& c : cases) {
    const auto set = decode_batch_set(items(item(kSha1Item, "," + std::string(c.more))));
    ASSERT_TRUE(set) << c.more;
    ASSERT_EQ(set->size(), 1U);
    const BatchSetItem& only = set->front();
    EXPECT_EQ(code_of_item(only), c.code) << c.more;
    if (c.code != 0) {
      EXPECT_TRUE(only.file.empty() && !only.certificate) << c.more;
      continue;
    }
    EXPECT_EQ(only.provider, static_cast<Provider>(c.provider)) << c.more;
    EXPECT_EQ(only.certificate.has_value(), c.provider == 4) << c.more;
    EXPECT_EQ(only.file.empty(), c.provider == 4) << c.more;
  }
}

TEST(BatchSet, ReadsAnItemExactly) {
  const auto set = decode_batch_set(items(item(
      kMd5Item,
      R"(,"providerId":15,"trustLevel":30,"filename":"a.exe","fileType":4328554496,"comment":"c")")));
  ASSERT_TRUE(set) << set.error().message;
  const BatchSetItem expected{Provider::kExternal,
                              TrustLevel::kMightBeMalicious,
                              notepad_md5(),
                              {},
                              "a.exe",
                              "c",
                              FileType::kJar,
                              {}};
  EXPECT_EQ(set->front(), expected);
}

TEST(BatchAnswers, AreWrittenInPartsAndReadBack) {
  const Reputations answer{{{Provider::kGti, TrustLevel::kNotSet, 5, {}}}, 6, false};
  std::string text;
  append_batch_open(text);
  append_batch_separator(text);
  append_reputations(answer, text);
  append_batch_separator(text);
  append_batch_error({ServiceError::kBadHashes, "hashes: \"x\""}, text);
  append_batch_close(7, text);
  EXPECT_EQ(text, R"({"results":[{"reputations":[{"trustLevel":0,"providerId":1,"createDate":5,)"
                  R"("attributes":{}}],"props":{"serverTime":6,"submitMetaData":0}},)"
                  R"({"error":{"code":2,"message":"hashes: \"x\""}}],"props":{"serverTime":7}})");
  const auto read = decode_batch_reputations(text);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->items.size(), 2U);
  EXPECT_EQ(read->items[0].reputations, answer);
  EXPECT_EQ(read->items[0].error, std::nullopt);
  EXPECT_EQ(read->items[1].error, (BatchError{ServiceError::kBadHashes, "hashes: \"x\""}));
  EXPECT_EQ(read->server_time, 7);

  const std::vector<BatchOutcome> outcomes = {{"changed", ""}, {"refused", "level"}};
  text.clear();
  append_batch_outcomes(outcomes, text);
  EXPECT_EQ(text, R"({"results":[{"outcome":"changed","reason":""},)"
                  R"({"outcome":"refused","reason":"level"}]})");
  EXPECT_EQ(decode_batch_outcomes(text).value(), outcomes);
  EXPECT_FALSE(decode_batch_outcomes(R"({"results":[{}]})"));
  EXPECT_FALSE(decode_batch_outcomes("{}"));
}

TEST(Explain, TakesACertificateOnlyByType) {
  EXPECT_EQ(decode_explain(item(kSha1Item)).value(),
            (ExplainRequest{FileHashes{{}, kCertSha1, {}}, {}}));
  EXPECT_EQ(decode_explain(item(kSha1Item, R"(,"type":"cert")")).value(),
            (ExplainRequest{{}, kCertificate}));
  EXPECT_EQ(code_of(decode_explain(item(kSha1Item, R"(,"type":"CERT")"))), kBadParameter);
  EXPECT_EQ(code_of(decode_explain(item("", R"(,"type":"CERT")"))), kBadHashes);
  EXPECT_EQ(code_of(decode_explain(item(kSha1Item, R"(,"type":5)"))), kBadRequest);
}

TEST(Explain, WritesAndReadsTheSteps) {
  const Explanation explanation{
      TrustLevel::kMightBeTrusted,
      Provider::kGti,
      6,
      {{0, "External", false, "no entry"}, {6, "GTI \"70\"", true, "70"}}};
  std::string text;
  append_explanation(explanation, text);
  EXPECT_EQ(text, R"({"composite":{"trustLevel":70,"providerId":1,"step":6},"steps":[)"
                  R"({"step":0,"rule":"External","matched":false,"detail":"no entry"},)"
                  R"({"step":6,"rule":"GTI \"70\"","matched":true,"detail":"70"}]})");
  EXPECT_EQ(decode_explanation(text).value(), explanation);
  const Explanation nothing;
  text.clear();
  append_explanation(nothing, text);
  EXPECT_EQ(text, R"({"composite":{"trustLevel":0,"step":0},"steps":[]})");
  EXPECT_EQ(decode_explanation(text).value(), nothing);
}

TEST(History, ClampsItsLimitAndReadsBackItsEntries) {
  EXPECT_EQ(decode_history(item(kMd5Item)).value(), (HistoryRequest{notepad_md5(), {}, 100}));
  EXPECT_EQ(decode_history(item(kMd5Item, R"(,"limit":5000)"))->limit, kMaxHistoryEntries);
  EXPECT_EQ(decode_history(item(kMd5Item, R"(,"limit":0)"))->limit, 1);
  EXPECT_EQ(code_of(decode_history(item(kMd5Item, R"(,"limit":true)"))), kBadParameter);
  EXPECT_EQ(decode_history(item(kSha1Item, R"(,"type":"cert")"))->certificate, kCertificate);

  const std::vector<HistoryEntry> entries = {
      {5, Provider::kExternal, TrustLevel::kNotSet, TrustLevel::kKnownMalicious, "why", "external",
       "ab12", "CN=x", "{c}"},
      {4, Provider::kEnterprise, TrustLevel::kKnownTrusted, TrustLevel::kNotSet, "", "", "", "",
       ""},
  };
  std::string text;
  append_history(entries, text);
  EXPECT_EQ(
      text,
      R"({"entries":[{"time":5,"providerId":15,"old":0,"new":1,"comment":"why","kind":"external",)"
      R"("actor":{"certificate":"ab12","name":"CN=x","clientId":"{c}"}},)"
      R"({"time":4,"providerId":3,"old":99,"new":0,"comment":"",)"
      R"("actor":{"certificate":"","name":"","clientId":""}}]})");
  EXPECT_EQ(decode_history_entries(text).value(), entries);
}

}  // namespace
}  // namespace tie
