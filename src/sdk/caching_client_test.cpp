// The cache over a client: what it remembers, and everything that makes it forget.
#include "tie/caching_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "sdk/test_client.hpp"
#include "tie/codec.hpp"

namespace tie {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using tiara::sdk::FakeBroker;
using tiara::sdk::Gate;
using tiara::sdk::kPatience;

constexpr std::int64_t kServerTime = 1'000;

FileHashes file(int number) {
  FileHashes hashes;
  Md5& md5 = hashes.md5.emplace();
  Sha1& sha1 = hashes.sha1.emplace();
  for (std::size_t i = 0; i < 4; ++i) {
    md5.bytes[i] = sha1.bytes[i + 1] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return hashes;
}

FileHashes by_md5(FileHashes hashes) {
  hashes.sha1.reset();
  return hashes;
}

Reputations level(int number, std::int64_t time = kServerTime) {
  return {.entries = {{Provider::kEnterprise, TrustLevel{number}, 7, {}}}, .server_time = time};
}

int level_of(const SharedReputations& answer) {
  return static_cast<int>(answer->entries.at(0).trust_level);
}

dxl::Event change_event(const FileHashes& hashes, std::uint64_t id) {
  FileReputationChange change{.hashes = hashes,
                              .old_reputations = level(0),
                              .new_reputations = level(99),
                              .update_time = kServerTime,
                              .change_id = id};
  dxl::Event event;
  event.topic = kTopicFileChangeBroadcast;
  append_file_change(change, {.change_id = id, .cause_kind = {}}, event.payload);
  return event;
}

dxl::Message response_to(const dxl::MessageView& request, std::string payload) {
  dxl::Response response;
  response.payload = std::move(payload);
  response.request_message_id.value = request.message_id;
  return response;
}

CacheOptions calm() {
  return {.catch_up_every = milliseconds(600'000), .max_staleness = milliseconds(600'000)};
}

CacheOptions busy() {
  return {.catch_up_every = milliseconds(20),
          .max_staleness = milliseconds(60'000),
          .catch_up_timeout = milliseconds(5'000)};
}

class CachingClientTest : public testing::Test {
 protected:
  void SetUp() override {
    broker.answer(std::string(kTopicFileReputation), [this](const dxl::MessageView& request) {
      ++asked;
      std::string payload;
      append_reputations(level(current, now), payload);
      return response_to(request, std::move(payload));
    });
    ASSERT_TRUE(client->connect());
  }

  void start(const CacheOptions& options) {
    auto made = CachingClient::create(tie, options);
    ASSERT_TRUE(made) << made.error().message;
    cache = std::move(*made);
    // Runs behind the cache's own callback, on the one pool thread.
    auto behind = tie.add_file_reputation_change_callback(
        [this](const FileReputationChange&, const dxl::Event&) { events.open(); });
    ASSERT_TRUE(behind);
    behind_cache = std::move(*behind);
  }
  void change(const FileHashes& hashes, std::uint64_t id = 0) {
    broker.deliver(change_event(hashes, id));
    ASSERT_TRUE(events.wait(++sent));
  }
  // What the updates topic lists, always.
  void list(const Updates& updates) {
    broker.answer(std::string(kTopicUpdates), [this, updates](const dxl::MessageView& request) {
      std::string payload;
      append_updates(updates, {}, payload);
      listed.open();
      return response_to(request, std::move(payload));
    });
  }
  template <class Condition>
  static bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    return condition();
  }

  std::atomic<int> asked{0}, current{50};
  std::atomic<std::int64_t> now{kServerTime};
  Gate events, listed;
  int sent = 0;
  FakeBroker broker;
  std::unique_ptr<dxl::Client> client = tiara::sdk::make_client(broker);
  Client tie{*client, kPatience};
  std::unique_ptr<CachingClient> cache;
  dxl::Subscription behind_cache;
};

TEST_F(CachingClientTest, AsksOnceAndAnswersByAnyDigest) {
  start(calm());
  const auto first = cache->get_file_reputation(file(1));
  ASSERT_TRUE(first);
  EXPECT_EQ(level_of(*first), 50);
  EXPECT_EQ(*cache->get_file_reputation(by_md5(file(1))), *first);
  EXPECT_EQ(cache->find_file(file(1)), *first);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(cache->stats().hits, 2u);
  EXPECT_EQ(cache->stats().misses, 1u);
  EXPECT_EQ(cache->stats().subjects, 1u);
}

TEST_F(CachingClientTest, RemembersNoErrors) {
  start(calm());
  EXPECT_EQ(cache->get_file_reputation({}).error().code, dxl::ErrorCode::kInvalidArgument);
  broker.refuse(std::string(kTopicFileReputation), 8, "busy");
  EXPECT_EQ(cache->get_file_reputation(file(1)).error().peer_code, 8u);
  EXPECT_EQ(cache->stats().subjects, 0u);
}

TEST_F(CachingClientTest, ManyAtOnceAskForTheUnknownOnly) {
  start(calm());
  broker.refuse(std::string(kTopicBatchGet), dxl::kServiceUnavailable, "none");
  ASSERT_TRUE(cache->get_file_reputation(file(2)));
  const std::vector<FileHashes> files{file(1), file(2), {}, file(3)};
  const auto answers = cache->get_file_reputations(files);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_TRUE(answers[0] && answers[1] && answers[3]);
  EXPECT_EQ(answers[2].error().code, dxl::ErrorCode::kInvalidArgument);
  EXPECT_EQ(asked, 3);
}

TEST_F(CachingClientTest, AChangeEventDropsItsFileAndNoOther) {
  start(calm());
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  ASSERT_TRUE(cache->get_file_reputation(file(2)));
  current = 99;
  change(by_md5(file(1)));
  EXPECT_EQ(level_of(*cache->get_file_reputation(file(1))), 99);
  EXPECT_EQ(level_of(*cache->get_file_reputation(file(2))), 50);
  EXPECT_EQ(asked, 3);
}

TEST_F(CachingClientTest, AChangeEventDropsItsCertificate) {
  start(calm());
  std::string payload;
  append_reputations(level(85), payload);
  broker.answer(std::string(kTopicCertReputation), payload);
  const Certificate certificate{.sha1 = *file(7).sha1};
  ASSERT_TRUE(cache->get_certificate_reputation(certificate));
  ASSERT_TRUE(cache->find_certificate(certificate));
  dxl::Event event;
  event.topic = kTopicCertChangeBroadcast;
  append_cert_change({.certificate = certificate, .old_reputations = {}, .new_reputations = {}}, {},
                     event.payload);
  broker.deliver(event);
  EXPECT_TRUE(eventually([&] { return !cache->find_certificate(certificate); }));
}

// Its answer lists the overridden files that it signed.
TEST_F(CachingClientTest, AChangeOfAFileDropsTheCertificateThatSignedIt) {
  start(calm());
  std::string payload;
  append_reputations(level(85), payload);
  broker.answer(std::string(kTopicCertReputation), payload);
  const Certificate signer{.sha1 = *file(7).sha1}, other{.sha1 = *file(8).sha1};
  ASSERT_TRUE(cache->get_certificate_reputation(signer));
  ASSERT_TRUE(cache->get_certificate_reputation(other));
  FileReputationChange change{.hashes = file(1), .old_reputations = {}, .new_reputations = {}};
  change.signer = signer;
  dxl::Event event;
  event.topic = kTopicFileChangeBroadcast;
  append_file_change(change, {.change_id = 1, .cause_kind = {}}, event.payload);
  broker.deliver(event);
  ASSERT_TRUE(events.wait(++sent));
  EXPECT_FALSE(cache->find_certificate(signer));
  EXPECT_TRUE(cache->find_certificate(other));
}

// The reply was made before the change, and arrives after its event.
TEST_F(CachingClientTest, AnAnswerThatAChangeOvertookIsDeliveredButNotRemembered) {
  start(calm());
  std::promise<std::string> request_id;
  broker.answer(std::string(kTopicFileReputation),
                [&](const dxl::MessageView& request) -> std::optional<dxl::Message> {
                  request_id.set_value(std::string(request.message_id));
                  return std::nullopt;
                });
  auto asking = std::async(std::launch::async, [&] { return cache->get_file_reputation(file(1)); });
  const std::string id = request_id.get_future().get();
  change(file(1));
  dxl::Response late;
  late.topic = tiara::sdk::kReplyTopic;
  late.request_message_id.value = id;
  append_reputations(level(50), late.payload);
  broker.deliver(late);
  const auto answer = asking.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(level_of(*answer), 50);
  EXPECT_FALSE(cache->find_file(file(1)));
  EXPECT_EQ(cache->stats().not_kept, 1u);
}

TEST_F(CachingClientTest, AHoleInTheNumbersMakesItAskWhatChanged) {
  start(calm());
  list({.files = {by_md5(file(2))}, .certificates = {}, .latest_update_time = kServerTime});
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  ASSERT_TRUE(cache->get_file_reputation(file(2)));
  change(file(3), 10);
  change(file(4), 12);  // of file 2, number 11 was lost
  ASSERT_TRUE(listed.wait());
  EXPECT_TRUE(eventually([&] { return !cache->find_file(file(2)); }));
  EXPECT_TRUE(cache->find_file(file(1)));
  EXPECT_EQ(cache->stats().holes, 1u);
}

TEST_F(CachingClientTest, EventsOutOfOrderAreNoHole) {
  start(calm());
  list({});
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  for (const std::uint64_t id : {10, 12, 11}) change(file(3), id);
  std::this_thread::sleep_for(milliseconds(400));  // twice what it waits for the missing one
  EXPECT_EQ(cache->stats().catch_ups, 0u);
}

TEST_F(CachingClientTest, AServiceThatCountsAnewIsAnotherOne) {
  start(calm());
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  change(file(3), 10);
  EXPECT_TRUE(cache->find_file(file(1)));
  change(file(3), 4);
  EXPECT_FALSE(cache->find_file(file(1)));
}

TEST_F(CachingClientTest, AsksInTurnWhatChangedByEachTypeOfDigestAndFromTheFirstAnswerOn) {
  start(busy());
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  std::mutex mutex;
  std::vector<std::string> requests;
  broker.answer(std::string(kTopicUpdates), [&](const dxl::MessageView& request) {
    const std::lock_guard lock(mutex);
    requests.emplace_back(request.payload);
    return response_to(request, R"({"fileHashes":[],"latestUpdateTime":1000})");
  });
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return requests.size() >= 2;
  }));
  const std::lock_guard lock(mutex);
  requests.resize(2);
  EXPECT_THAT(
      requests,
      ElementsAre(
          R"({"sinceTime":1000,"queryLimit":5000,"targeted":false,"targetTypes":{"file":"sha1"}})",
          R"({"sinceTime":1000,"queryLimit":5000,"targeted":false,"targetTypes":{"file":"md5"}})"));
}

TEST_F(CachingClientTest, AListedFileGoesUnlessTheAnswerIsLater) {
  start(busy());
  now = kServerTime + 1;
  ASSERT_TRUE(cache->get_file_reputation(file(2)));
  now = kServerTime;
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  list({.files = {by_md5(file(1)), by_md5(file(2))},
        .certificates = {},
        .latest_update_time = kServerTime});
  EXPECT_TRUE(eventually([&] { return !cache->find_file(file(1)); }));
  EXPECT_TRUE(cache->find_file(file(2)));
}

TEST_F(CachingClientTest, WhereChangesCannotBeListedItStartsEmpty) {
  start(busy());
  broker.refuse(std::string(kTopicUpdates), dxl::kServiceUnavailable, "none");
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  EXPECT_TRUE(eventually([&] { return !cache->find_file(file(1)); }));
}

TEST_F(CachingClientTest, ABusyServiceIsAskedAgainAndNothingIsForgotten) {
  start(busy());
  broker.refuse(std::string(kTopicUpdates), 8, "busy");
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  EXPECT_TRUE(eventually([&] { return cache->stats().failed_catch_ups > 1; }));
  EXPECT_TRUE(cache->find_file(file(1)));
}

TEST_F(CachingClientTest, AnswersWithoutATimeDoNotOutliveACatchUp) {
  start(busy());
  now = 0;
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  EXPECT_TRUE(eventually([&] { return !cache->find_file(file(1)); }));
}

// The stated bound: nothing confirms, nobody answers questions about changes.
TEST_F(CachingClientTest, WhatNothingConfirmsIsNotGivenBeyondTheBound) {
  start({.catch_up_every = milliseconds(50),
         .max_staleness = milliseconds(300),
         .catch_up_timeout = milliseconds(50)});
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  auto last_given = before;
  while (cache->find_file(file(1))) {
    last_given = std::chrono::steady_clock::now();
    ASSERT_LT(last_given - before, kPatience);
    std::this_thread::sleep_for(milliseconds(1));
  }
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  EXPECT_EQ(asked, 2);
  EXPECT_GE(cache->stats().failed_catch_ups, 1u);
}

TEST_F(CachingClientTest, AReconnectMakesItAskWhatChanged) {
  start(calm());
  list({.files = {by_md5(file(1))}, .certificates = {}, .latest_update_time = kServerTime});
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  broker.drop();
  EXPECT_TRUE(eventually([&] { return !cache->find_file(file(1)); }));
}

TEST_F(CachingClientTest, AListWithoutAnEndDoesNotHoldItUp) {
  std::int64_t second = kServerTime;
  Gate pages;
  broker.answer(std::string(kTopicUpdates), [&](const dxl::MessageView& request) {
    pages.open();
    return response_to(request, R"({"fileHashes":[],"latestUpdateTime":)" +
                                    std::to_string(++second) +
                                    R"(,"props":{"queryLimitExceeded":true,"serverTime":1}})");
  });
  start(busy());
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  ASSERT_TRUE(pages.wait(10));
  cache.reset();  // returns
}

TEST_F(CachingClientTest, TheLongestTimesAreForEver) {
  start({.catch_up_every = milliseconds::max(),
         .max_staleness = milliseconds::max(),
         .keep_unused = std::chrono::hours::max()});
  ASSERT_TRUE(cache->get_file_reputation(file(1)));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_TRUE(cache->find_file(file(1)));
  EXPECT_EQ(cache->stats().catch_ups, 0u);
}

TEST_F(CachingClientTest, RefusesABoundThatCannotBeKept) {
  const auto made = CachingClient::create(
      tie, {.catch_up_every = milliseconds(100), .max_staleness = milliseconds(99)});
  EXPECT_EQ(made.error().code, dxl::ErrorCode::kInvalidArgument);
}

// Levels only rise, each change is published after it took effect. Who saw the event of a level
// must not be given a lower one afterwards; in the end everybody has the last.
TEST_F(CachingClientTest, UnderAStormOfChangesNobodyIsToldWhatWasBeforeAnEventHeSaw) {
  constexpr int kFiles = 8, kChanges = 4'000;
  std::array<std::atomic<int>, kFiles> actual{}, seen{};
  broker.answer(std::string(kTopicFileReputation), [&](const dxl::MessageView& request) {
    const auto lookup = decode_get_file_reputation(request.payload);
    std::string payload;
    append_reputations(level(actual[lookup->hashes.md5->bytes[0]]), payload);
    return response_to(request, std::move(payload));
  });
  start(calm());
  auto watch = tie.add_file_reputation_change_callback(
      [&](const FileReputationChange& change, const dxl::Event& event) {
        seen[change.hashes.md5->bytes[0]] =
            std::stoi(event.payload.substr(event.payload.rfind('#') + 1));
      });
  ASSERT_TRUE(watch);
  std::atomic<bool> stop{false};
  std::atomic<int> lookups{0}, wrong{0}, failed{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      for (int i = reader; !stop; ++i) {
        const int known = seen[i % kFiles];
        const auto answer = cache->get_file_reputation(file(i % kFiles));
        ++lookups;
        if (!answer) ++failed;
        if (answer && level_of(*answer) < known) ++wrong;
      }
    });
  }
  for (int i = 1; i <= kChanges; ++i) {
    const int which = i % kFiles;
    actual[which] = i;
    dxl::Event event = change_event(file(which), static_cast<std::uint64_t>(i));
    event.payload += "\n";  // trailing bytes are allowed
    event.payload = event.payload.substr(0, event.payload.rfind('}')) + R"(,"n":"#)" +
                    std::to_string(i) + "\"}";
    broker.deliver(event);
    if (i % 64 == 0) {
      ASSERT_TRUE(events.wait(i));
    }
  }
  ASSERT_TRUE(events.wait(kChanges));
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(failed, 0);
  EXPECT_GT(cache->stats().hits, 0u);
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_EQ(level_of(*cache->get_file_reputation(file(i))), actual[i]) << i;
  }
}

}  // namespace
}  // namespace tie
