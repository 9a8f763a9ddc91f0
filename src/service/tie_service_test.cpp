// The whole service on a scripted broker: threads, registration, stopping.
#include "service/tie_service.hpp"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/fake_broker.hpp"
#include "service/service_fixture.hpp"

namespace tiara::service {
namespace {

using sdk::FakeBroker;
using sdk::kPatience;

constexpr const char* kRegister = "/mcafee/service/dxl/svcregistry/register";
constexpr const char* kUnregister = "/mcafee/service/dxl/svcregistry/unregister";

// A store whose first commit takes as long as the test likes. The gates outlive it.
class GatedStore final : public ForwardingStore {
 public:
  GatedStore(sdk::Gate& committing, sdk::Gate& may_finish)
      : committing_(committing), may_finish_(may_finish) {}
  dxl::Result<void> commit(const store::Batch& batch, store::Durability durability) override {
    committing_.open();
    if (!may_finish_.wait()) return dxl::fail(dxl::ErrorCode::kStorage, "the test forgot the gate");
    return ForwardingStore::commit(batch, durability);
  }

 private:
  sdk::Gate& committing_;
  sdk::Gate& may_finish_;
};

class TieServiceTest : public testing::Test {
 protected:
  void start(std::unique_ptr<store::ReputationStore> store = store::make_memory_store()) {
    TieServiceOptions options;
    options.access.is_member = [](std::string_view certificate, std::string_view group) {
      return certificate == kAlice && group == dxl::kGroupSetEnterprise;
    };
    auto started = TieService::start(options, std::move(store), broker.connector(), clock);
    ASSERT_TRUE(started) << started.error().message;
    service = *std::move(started);
  }
  void start_ready() {
    start();
    const dxl::Result<void> ready = service->wait_ready(kPatience);
    ASSERT_TRUE(ready) << ready.error().message;
  }
  void deliver_request(std::string_view topic, const std::string& payload) {
    dxl::Request request;
    request.topic = topic;
    request.payload = payload;
    request.reply_to_topic = kReplyTopic;
    request.header.message_id.value = "{request}";
    request.header.source_client_id.value = kAlice;
    broker.deliver(request);
  }
  // The number of the first line that begins so; the size of the log if there is none.
  std::size_t line_of(const std::string& beginning) const {
    const std::vector<std::string> lines = broker.log();
    std::size_t at = 0;
    while (at < lines.size() && !lines[at].starts_with(beginning)) ++at;
    return at;
  }
  bool becomes_unregistered() const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (broker.last(kUnregister)) return true;
      std::this_thread::yield();
    }
    return false;
  }
  bool becomes(bool ready) const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (service->status().ready == ready) return true;
      std::this_thread::yield();
    }
    return false;
  }

  ManualClock clock;
  FakeBroker broker;
  sdk::Gate committing, may_finish;
  std::unique_ptr<TieService> service;
};

TEST_F(TieServiceTest, SubscribesEverythingBeforeItRegisters) {
  start_ready();
  EXPECT_TRUE(service->status().ready);
  const std::size_t registered = line_of("PUBLISH " + std::string(kRegister));
  for (const std::string_view topic : {tie::kTopicFileReputation, tie::kTopicFileReputationSet,
                                       tie::kTopicReportOutcome, tie::kTopicExternalReport})
    EXPECT_LT(line_of("SUBSCRIBE " + std::string(topic)), registered) << topic;
}

TEST_F(TieServiceTest, AnswersRequestsThroughItsThreads) {
  start_ready();
  deliver_request(tie::kTopicFileReputationSet, set_json(99));
  EXPECT_TRUE(broker.wait_for("PUBLISH " + std::string(kReplyTopic) + " "));
  deliver_request(tie::kTopicFileReputation, get_json(false));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  dxl::Result<tie::Reputations> answer = tie::Reputations{};
  while (!answer || answer->entries.empty()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    const auto last = broker.last(std::string(kReplyTopic));
    if (const auto* response = last ? std::get_if<dxl::Response>(&*last) : nullptr)
      answer = tie::decode_reputations(response->payload);
    std::this_thread::yield();
  }
  EXPECT_EQ(answer->find(tie::Provider::kEnterprise)->trust_level, tie::TrustLevel::kKnownTrusted);
  EXPECT_EQ(service->status().lookups, 1U);
  EXPECT_EQ(service->status().sets, 1U);
  EXPECT_EQ(service->status().change_events, 1U);
}

// Stops while one set is being committed and another waits behind it: both are answered.
TEST_F(TieServiceTest, FinishesWhatItTookInAndUnregisters) {
  start(std::make_unique<GatedStore>(committing, may_finish));
  ASSERT_TRUE(service->wait_ready(kPatience));
  deliver_request(tie::kTopicFileReputationSet, set_json(99));
  ASSERT_TRUE(committing.wait());
  deliver_request(tie::kTopicFileReputationSet, set_json(1));
  // Answered by a thread that is not held up, and behind the set: so that one was taken in.
  deliver_request(tie::kTopicReportOutcome, R"({"messageId":"{none}"})");
  const std::string answered = "PUBLISH " + std::string(kReplyTopic) + " ";
  ASSERT_TRUE(broker.wait_for(answered + R"({"outcome":"unknown","reason":"","time":0})"));
  EXPECT_FALSE(broker.last(std::string(tie::kTopicFileChange)));

  std::thread stopping([this] { service.reset(); });
  EXPECT_TRUE(becomes_unregistered());
  may_finish.open();
  stopping.join();
  EXPECT_TRUE(broker.wait_for(answered, 2));
  const auto change = broker.last(std::string(tie::kTopicFileChange));
  ASSERT_TRUE(change);
  EXPECT_THAT(std::get<dxl::Event>(*change).payload, testing::HasSubstr(R"("changeId":2)"));
}

TEST_F(TieServiceTest, BecomesReadyOnceTheBrokerAcceptsItAfterRefusing) {
  broker.refuse(kRegister, 0x80000011, "service limit exceeded");
  start();
  EXPECT_FALSE(service->wait_ready(std::chrono::milliseconds(50)));
  EXPECT_FALSE(service->status().ready);
  broker.answer(kRegister, "{}");
  EXPECT_TRUE(service->wait_ready(kPatience));
  EXPECT_TRUE(service->status().ready);
}

TEST_F(TieServiceTest, IsNotReadyWhileDisconnected) {
  start_ready();
  FakeBroker::Behaviour gone;
  gone.reachable = false;
  broker.set(gone);
  broker.drop();
  EXPECT_TRUE(becomes(false));
  broker.set({});
  EXPECT_TRUE(becomes(true));
}

TEST_F(TieServiceTest, SaysWhyItIsNotReady) {
  FakeBroker::Behaviour gone;
  gone.reachable = false;
  broker.set(gone);
  start();
  const dxl::Result<void> ready = service->wait_ready(std::chrono::milliseconds(50));
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, dxl::ErrorCode::kConnect);
  EXPECT_NE(ready.error().message.find("refused"), std::string::npos) << ready.error().message;
}

}  // namespace
}  // namespace tiara::service
