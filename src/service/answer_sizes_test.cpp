// What a peer can make large: answers end where a message does, and so does a second of changes.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"

namespace tiara::service {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Le;
using testing::SizeIs;
using tie::kMaxAnswerBytes;

constexpr std::string_view kCut = R"(],"truncated":true})";

// A control character is one character to us and six in JSON.
std::string long_text(std::size_t number) {
  std::string text;
  for (std::size_t i = 0; i < tie::kMaxNameCharacters - 8; ++i) text += R"(\u0001)";
  return text + fmt::format("{:08}", number);
}

// All three digests of a file that has no other.
std::string three_hashes(std::size_t number) {
  const auto digest = [&](std::size_t bytes) {
    return base::to_base64(fmt::format("{:0{}}", number, bytes));
  };
  return hashes_json(digest(16), digest(20), digest(32));
}

class AnswerSizes : public testing::Test {
 protected:
  void set(const std::string& payload) {
    service.request(tie::kTopicFileReputationSet, payload);
    if (++waiting % 500 == 0) service.take();
  }
  std::string ask(std::string_view topic, std::string_view payload) {
    std::string answer = service.exchange(topic, payload).payload;
    EXPECT_THAT(answer, SizeIs(Le(kMaxAnswerBytes)));
    return answer;
  }

  ServiceFixture service;
  std::size_t waiting = 0;
};

TEST_F(AnswerSizes, FileInfosAndASearchEndBeforeTheMessageIsFull) {
  std::string lists;
  for (std::size_t file = 0; file < 500; ++file) {
    set(set_json(99, numbered_hashes(file), long_text(file)));
    lists += (file == 0 ? "" : ",") + numbered_hashes(file);
  }
  const std::string infos = ask(tie::kTopicFileInfo, "{\"hashes\":[" + lists + "]}");
  EXPECT_THAT(infos, EndsWith(kCut));
  const auto read = value_of(tie::decode_file_infos(infos));
  ASSERT_GT(read.size(), 200U);
  EXPECT_EQ(read.front().hashes.md5->to_hex(), numbered_md5(0)) << "in the order of the request";
  EXPECT_EQ(read.back().hashes.md5->to_hex(), numbered_md5(read.size() - 1));
  const std::string found =
      ask(tie::kTopicFileSearch, R"({"searchString":"\u0001","numberOfRows":1000})");
  EXPECT_THAT(found, EndsWith(kCut));
  EXPECT_THAT(ask(tie::kTopicFileInfo, info_json(numbered_hashes(1))), EndsWith("]}"));
}

TEST_F(AnswerSizes, FirstReferencesEndBeforeTheMessageIsFullAndTheTotalCountsAll) {
  for (std::size_t agent = 0; agent < 1'000; ++agent) {
    service.request(tie::kTopicFileReputation, get_json(true),
                    std::string(248, '\x01') + fmt::format("{:08}", agent));
    if (++waiting % 500 == 0) service.take();
  }
  const auto list =
      value_of(tie::decode_first_references(ask(tie::kTopicFileAgents, agents_json("5000"))));
  EXPECT_EQ(list.total_count, 1'000U);
  EXPECT_GT(list.agents.size(), 500U);
  EXPECT_LT(list.agents.size(), 1'000U);
}

TEST_F(AnswerSizes, AHistoryEndsBeforeTheMessageIsFullAndSaysSo) {
  for (std::size_t i = 0; i < 500; ++i)
    set(set_json(i % 2 == 0 ? 99 : 1, numbered_hashes(1), "a", long_text(i)));
  const std::string history =
      ask(tie::kTopicHistory, "{\"hashes\":" + numbered_hashes(1) + R"(,"limit":1000})");
  EXPECT_THAT(history, EndsWith(kCut));
  EXPECT_THAT(value_of(tie::decode_history_entries(history)).front().comment, HasSubstr("499"))
      << "the newest come first";
}

TEST_F(AnswerSizes, ABatchTellsEachItemThatDoesNotFitToAskAgain) {
  service.change_settings([](auto& s) { s.overridden_max_files = tie::kMaxOverridden; });
  for (std::size_t file = 0; file < tie::kMaxOverridden; ++file) {
    service.tell(tie::kTopicFileMetadata, metadata_json(signed_by_json(), three_hashes(file)));
    set(set_json(99, three_hashes(file)));
    if (waiting % 250 == 0) service.take();
  }
  EXPECT_THAT(ask(tie::kTopicCertReputation, get_cert_json(false)), SizeIs(testing::Gt(600'000U)))
      << "as long as one answer can be";

  const std::string item = cert_json(R"(,"type":"cert")");
  std::vector<std::string> items(998, item);
  items.insert(items.begin(), "{\"hashes\":5}");
  items.push_back(file_item());
  const auto answer =
      value_of(tie::decode_batch_reputations(ask(tie::kTopicBatchGet, items_json(items))));
  ASSERT_THAT(answer.items, SizeIs(1'000));
  EXPECT_EQ(answer.items[0].error->code, tie::ServiceError::kBadRequest);
  EXPECT_FALSE(answer.items[1].error);
  for (std::size_t i = 2; i < answer.items.size(); ++i) {
    ASSERT_TRUE(answer.items[i].error) << i;
    EXPECT_EQ(answer.items[i].error->code, tie::ServiceError::kUnavailable);
    EXPECT_THAT(answer.items[i].error->message, HasSubstr("ask for this item again"));
  }
}

// L22 cuts pages between whole seconds, so a second must not hold more than an answer does.
class CrowdedSecond : public AnswerSizes {
 protected:
  static constexpr std::size_t kBatches = 20, kItems = 1'000;
  void fill() {
    for (std::size_t batch = 0; batch < kBatches; ++batch) {
      std::vector<std::string> items;
      for (std::size_t i = 0; i < kItems; ++i)
        items.push_back(set_item(3, 99, three_hashes(batch * kItems + i)));
      service.request(tie::kTopicBatchSet, items_json(items));
    }
    service.take();
  }
  // Rolls through all changes; the time of each page's last.
  std::vector<std::int64_t> roll(std::size_t& files) {
    std::vector<std::int64_t> times;
    std::set<std::string> names;
    std::int64_t since = 0;
    for (bool more = true; more;) {
      const auto page = value_of(tie::decode_updates(
          ask(tie::kTopicUpdates,
              updates_json(since, R"(,"queryLimit":5000,"targetTypes":{"file":"sha256"})"))));
      for (const tie::FileHashes& hashes : page.files) names.insert(hashes.sha256->to_hex());
      more = page.more && page.latest_update_time > since;
      since = page.latest_update_time;
      times.push_back(since);
    }
    files = names.size();
    return times;
  }
};

TEST_F(CrowdedSecond, GoesOnInTheNextSoThatEachPageOfUpdatesFitsAMessage) {
  const std::int64_t start = service.clock.epoch;
  fill();
  std::size_t files = 0;
  EXPECT_THAT(roll(files), testing::ElementsAre(start, start + 1, start + 2, start + 3));
  EXPECT_EQ(files, kBatches * kItems);
}

TEST_F(CrowdedSecond, IsRememberedWhenTheServiceStartsAgain) {
  const std::int64_t start = service.clock.epoch;
  fill();
  CommandProcessor again(service.context, service.store, service.clock);
  std::vector<Submitted> commands;
  commands.push_back({.command = SetCommand{.set = {.hashes = md5_hashes(),
                                                    .trust_level = tie::TrustLevel::kUnknown,
                                                    .filename = {},
                                                    .comment = {}}}});
  const std::vector<Completed> done = again.process(std::move(commands));
  ASSERT_THAT(done, SizeIs(1));
  EXPECT_EQ(done[0].time, start + 3) << "never before what was committed";
}

}  // namespace
}  // namespace tiara::service
