// Many lookups and sets in one call: order, errors of single items, fallback, repeats, deadlines.
#include "sdk/tie_batch.hpp"

#include <atomic>

#include "sdk/tie_client_fixture.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using tiara::sdk::kChunkItems;

class TieBatch : public TieClient {
 protected:
  // A service that answers each file with its number as date.
  static std::string answer_batch(const std::string& payload) {
    const auto get = decode_batch_get(payload);
    EXPECT_TRUE(get);
    EXPECT_EQ(get->scan_type, 3);
    std::string out;
    append_batch_open(out);
    for (const BatchGetItem& item : get->items) {
      append_batch_separator(out);
      append_reputations(answer_to(item.file ? number_of(*item.file) : 7), out);
    }
    append_batch_close(1, out);
    return out;
  }
  static std::string answer_single(const std::string& payload) {
    const auto get = decode_get_file_reputation(payload);
    EXPECT_TRUE(get);
    std::string out;
    append_reputations(answer_to(number_of(get->hashes)), out);
    return out;
  }
  static Reputations answer_to(std::uint32_t number) {
    Reputations answer;
    answer.entries = {{Provider::kGti, TrustLevel::kKnownTrusted, number, {}}};
    return answer;
  }
  static std::vector<FileHashes> many(std::size_t count) {
    std::vector<FileHashes> files;
    for (std::size_t i = 0; i < count; ++i)
      files.push_back(numbered_hashes(static_cast<std::uint32_t>(i)));
    return files;
  }
  static void expect_in_order(const std::vector<dxl::Result<Reputations>>& answers,
                              std::size_t count) {
    ASSERT_EQ(answers.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(answers[i]) << i << ": " << answers[i].error().message;
      ASSERT_EQ(answers[i]->find(Provider::kGti)->create_date, static_cast<std::int64_t>(i));
    }
  }
};

TEST_F(TieBatch, AnswersComeInTheOrderOfTheQuestions) {
  serve(kTopicBatchGet, [](const std::string& payload) -> Made { return answer_batch(payload); });
  const auto files = many(5 * kChunkItems + 7);
  expect_in_order(tie.get_file_reputations(files), files.size());
  EXPECT_EQ(times_asked(kTopicBatchGet), 6U);
  EXPECT_EQ(times_asked(kTopicFileReputation), 0U);
}

TEST_F(TieBatch, NothingIsAskedForNothing) {
  EXPECT_TRUE(tie.get_file_reputations({}).empty());
  EXPECT_EQ(times_asked(kTopicBatchGet), 0U);
}

TEST_F(TieBatch, AnErrorConcernsItsItemAlone) {
  answers(kTopicBatchGet,
          {R"({"results":[{"reputations":[]},{"error":{"code":2,"message":"bad hashes"}},)"
           R"({"error":{"code":6,"message":"not you"}}],"props":{"serverTime":1}})"});
  auto files = many(3);
  files.insert(files.begin() + 1, FileHashes{});  // never sent
  const auto told = tie.get_file_reputations(files);
  ASSERT_EQ(told.size(), 4U);
  EXPECT_TRUE(told[0]);
  EXPECT_EQ(told[1].error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(told[2].error().peer_code, 2U);
  EXPECT_EQ(told[2].error().message, "bad hashes");
  EXPECT_EQ(told[3].error().code, ErrorCode::kNotAuthorised);
}

TEST_F(TieBatch, AServiceWithoutBatchesIsAskedOneByOne) {
  serve(kTopicFileReputation,
        [](const std::string& payload) -> Made { return answer_single(payload); });
  for (const std::uint32_t code : {std::uint32_t{dxl::kServiceUnavailable}, std::uint32_t{9},
                                   std::uint32_t{dxl::kNotAuthorisedToSend}}) {
    Client fresh{*client, tiara::sdk::kPatience};
    broker.refuse(topic(kTopicBatchGet), code, "no such topic");
    broker.clear_log();
    expect_in_order(fresh.get_file_reputations(many(kChunkItems + 200)), kChunkItems + 200);
    // 0x80000001 may stand for an instance that died: asked twice.
    EXPECT_EQ(times_asked(kTopicBatchGet), code == dxl::kServiceUnavailable ? 2U : 1U);
    EXPECT_EQ(times_asked(kTopicFileReputation), kChunkItems + 200);
    // The next call knows, and so do copies.
    expect_in_order(fresh.with_timeout(milliseconds(10'000)).get_file_reputations(many(3)), 3);
    EXPECT_EQ(times_asked(kTopicBatchGet), code == dxl::kServiceUnavailable ? 2U : 1U);
  }
}

TEST_F(TieBatch, SilenceMeansNoBatchesToo) {
  silence(kTopicBatchGet);
  serve(kTopicFileReputation,
        [](const std::string& payload) -> Made { return answer_single(payload); });
  expect_in_order(tie.with_timeout(milliseconds(2'000)).get_file_reputations(many(3)), 3);
}

TEST_F(TieBatch, ABusyServiceIsAskedAgainUntilTheDeadline) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  serve(kTopicBatchGet, [asked](const std::string& payload) -> Made {
    switch (++*asked) {
      case 1:
        return refusal(7, "too many");
      case 2:
        return refusal(8, "shutting down");
      case 3:
        return refusal(dxl::kServiceOverloaded, "service is overloaded");
      default:
        return answer_batch(payload);
    }
  });
  expect_in_order(tie.get_file_reputations(many(3)), 3);
  EXPECT_EQ(*asked, 4);

  broker.refuse(topic(kTopicBatchGet), 7, "too many");
  const auto told = tie.with_timeout(milliseconds(1'000)).get_file_reputations(many(2));
  EXPECT_EQ(told[1].error().peer_code, 7U);
  EXPECT_EQ(told[1].error().message, "too many");
}

// Our service answers what no longer fits into an answer with error 8 of that item.
TEST_F(TieBatch, ItemsThatHadNoRoomAreAskedAgain) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  serve(kTopicBatchGet, [asked](const std::string& payload) -> Made {
    ++*asked;
    const auto get = decode_batch_get(payload);
    std::string out;
    append_batch_open(out);
    for (std::size_t i = 0; i < get->items.size(); ++i) {
      append_batch_separator(out);
      if (i < 2) {
        append_reputations(answer_to(number_of(*get->items[i].file)), out);
      } else {
        append_batch_error({ServiceError::kUnavailable, "no room"}, out);
      }
    }
    append_batch_close(1, out);
    return out;
  });
  expect_in_order(tie.get_file_reputations(many(5)), 5);
  EXPECT_EQ(*asked, 3);
}

TEST_F(TieBatch, AMessageThatIsTooLargeIsHalved) {
  auto largest = std::make_shared<std::atomic<std::size_t>>(0);
  serve(kTopicBatchGet, [largest](const std::string& payload) -> Made {
    const std::size_t items = decode_batch_get(payload)->items.size();
    if (items > 100) return refusal(dxl::kMessageTooLarge, "message exceeds the limit");
    *largest = std::max(largest->load(), items);
    return answer_batch(payload);
  });
  expect_in_order(tie.get_file_reputations(many(kChunkItems)), kChunkItems);
  EXPECT_LE(*largest, 100U);
  EXPECT_EQ(times_asked(kTopicFileReputation), 0U);
}

TEST_F(TieBatch, AfterSilenceTheRestIsNotAsked) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  broker.answer(topic(kTopicBatchGet),
                [asked](const dxl::MessageView& request) -> std::optional<dxl::Message> {
                  if (++*asked > 1) return std::nullopt;
                  dxl::Response response;
                  response.payload = answer_batch(std::string(request.payload));
                  response.request_message_id.value = request.message_id;
                  return dxl::Message(response);
                });
  const auto files = many(20 * kChunkItems);
  const auto told = tie.with_timeout(milliseconds(5'000)).get_file_reputations(files);
  EXPECT_TRUE(told.front());
  EXPECT_EQ(told[kChunkItems].error().code, ErrorCode::kTimedOut);
  EXPECT_EQ(told.back().error().code, ErrorCode::kTimedOut);
  EXPECT_LT(*asked, 12);
}

TEST_F(TieBatch, ALostConnectionEndsEveryItemOnce) {
  ASSERT_TRUE(client->disconnect());
  const auto told = tie.get_file_reputations(many(2 * kChunkItems));
  ASSERT_EQ(told.size(), 2 * kChunkItems);
  for (const auto& one : told) ASSERT_EQ(one.error().code, ErrorCode::kNotConnected);
}

TEST_F(TieBatch, AnAnswerAboutOtherItemsIsNone) {
  for (const char* answer : {"<html>", "{}", R"({"results":[]})",
                             R"({"results":[{"reputations":[]},{"reputations":[]}]})"}) {
    answers(kTopicBatchGet, {answer});
    const auto told = tie.get_file_reputations(many(1));
    ASSERT_FALSE(told.front()) << answer;
    EXPECT_EQ(told.front().error().code, ErrorCode::kMalformed) << answer;
  }
}

TEST_F(TieBatch, CertificatesGoInBatchesToo) {
  serve(kTopicBatchGet, [](const std::string& payload) -> Made { return answer_batch(payload); });
  const std::vector<Certificate> certificates(3, some_certificate());
  const auto told = tie.get_certificate_reputations(certificates);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_TRUE(told[2]);
  EXPECT_EQ(decode_batch_get(payload_on(kTopicBatchGet))->items[2].certificate, some_certificate());
}

std::vector<SetFileReputation> some_sets() {
  return {{.hashes = numbered_hashes(0), .trust_level = TrustLevel::kKnownTrusted},
          {.hashes = numbered_hashes(1), .trust_level = TrustLevel{42}},
          {.hashes = numbered_hashes(2),
           .trust_level = TrustLevel::kKnownMalicious,
           .filename = "x.exe",
           .comment = "why"},
          {.hashes = numbered_hashes(3), .trust_level = TrustLevel::kNotSet}};
}

TEST_F(TieBatch, SetsTellWhatBecameOfEach) {
  answers(kTopicBatchSet, {R"({"results":[{"outcome":"changed"},{"outcome":"unchanged"},)"
                           R"({"outcome":"refused","reason":"no such group"}]})"});
  const auto told = tie.set_file_reputations(some_sets());
  ASSERT_EQ(told.size(), 4U);
  EXPECT_EQ(told[0], SetOutcome::kChanged);
  EXPECT_EQ(told[1].error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(told[2], SetOutcome::kUnchanged);
  EXPECT_EQ(told[3].error().message, "no such group");
  const auto sent = decode_batch_set(payload_on(kTopicBatchSet));
  ASSERT_EQ(sent.value().size(), 3U);
  EXPECT_EQ((*sent)[1].trust_level, TrustLevel::kKnownMalicious);
  EXPECT_EQ((*sent)[1].filename, "x.exe");
  EXPECT_EQ((*sent)[1].comment, "why");
}

TEST_F(TieBatch, SetsThatCouldNotBeWrittenAreRepeated) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  serve(kTopicBatchSet, [asked](const std::string& payload) -> Made {
    const std::size_t items = decode_batch_set(payload)->size();
    const bool first = ++*asked == 1;
    std::vector<BatchOutcome> outcomes(items, BatchOutcome{.outcome = "changed", .reason = {}});
    if (first) outcomes.back() = {.outcome = "refused", .reason = "unavailable: disk full"};
    std::string out;
    append_batch_outcomes(outcomes, out);
    return out;
  });
  const auto told = tie.set_file_reputations(some_sets());
  EXPECT_EQ(told[3], SetOutcome::kChanged);
  EXPECT_EQ(*asked, 2);
}

TEST_F(TieBatch, AnOriginalServiceGetsSetsOneByOne) {
  broker.refuse(topic(kTopicBatchSet), dxl::kServiceUnavailable, "unable to locate");
  serve(kTopicFileReputationSet, [](const std::string& payload) -> Made {
    const auto set = decode_set_file_reputation(payload);
    if (set->trust_level == TrustLevel::kNotSet) return refusal(6, "not you");
    return std::string("anything");
  });
  answers(kTopicCertReputationSet, {""});
  const auto told = tie.set_file_reputations(some_sets());
  EXPECT_EQ(told[0], SetOutcome::kDone);
  EXPECT_EQ(told[2], SetOutcome::kDone);
  EXPECT_EQ(told[3].error().code, ErrorCode::kNotAuthorised);
  const std::vector<SetCertReputation> certificates(
      2, {.certificate = some_certificate(), .trust_level = TrustLevel::kKnownTrusted});
  const auto certs = tie.set_certificate_reputations(certificates);
  EXPECT_EQ(certs[1], SetOutcome::kDone);
}

TEST_F(TieBatch, ASetThatGotNoAnswerIsNotRepeated) {
  silence(kTopicBatchSet);
  const auto told = tie.with_timeout(milliseconds(500)).set_file_reputations(some_sets());
  EXPECT_EQ(told[0].error().code, ErrorCode::kTimedOut);
  EXPECT_EQ(times_asked(kTopicBatchSet), 1U);
  EXPECT_EQ(times_asked(kTopicFileReputationSet), 0U);
}

}  // namespace
}  // namespace tie
