// Requests and their ends; publishing and its confirmation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "sdk/test_client.hpp"

namespace tiara::sdk {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ClientRequest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(client->connect()); }
  static std::optional<dxl::Message> no_answer(const dxl::MessageView&) { return std::nullopt; }

  FakeBroker broker;
  std::unique_ptr<dxl::Client> client = make_client(broker);
};

TEST_F(ClientRequest, ReturnsTheAnswer) {
  broker.answer("/service", "pong");
  EXPECT_EQ(describe(client->request(request_to("/service", "ping"))), "response pong");
  const auto sent = std::get<dxl::Request>(*broker.last("/service"));
  EXPECT_EQ(sent.payload, "ping");
  EXPECT_EQ(sent.reply_to_topic, kReplyTopic);
  EXPECT_FALSE(sent.header.message_id.empty());
}

TEST_F(ClientRequest, AnErrorResponseIsAValue) {
  broker.refuse("/service", 77, "no");
  EXPECT_EQ(describe(client->request(request_to("/service"))), "error 77 no");
}

TEST_F(ClientRequest, EndsAtItsDeadlineAndNamesTheTopic) {
  broker.answer("/service", no_answer);
  const auto reply = client->request(request_to("/service"), milliseconds(20));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, dxl::ErrorCode::kTimedOut);
  EXPECT_THAT(reply.error().message, HasSubstr("/service: no answer"));
}

TEST_F(ClientRequest, LateRepeatedAndMalformedAnswersDisturbNobody) {
  broker.answer("/slow", no_answer);
  EXPECT_EQ(describe(client->request(request_to("/slow"), milliseconds(20))), "failed timed_out");
  ASSERT_TRUE(broker.wait_for("PUBLISH /slow "));
  dxl::Response late;
  late.topic = kReplyTopic;
  late.payload = "late";
  late.request_message_id = std::get<dxl::Request>(*broker.last("/slow")).header.message_id;
  broker.deliver(late);
  broker.deliver(late);
  std::string noise;
  mqtt::append_publish(kReplyTopic, "\x02\x01 not DXL", noise);
  broker.deliver_bytes(noise);
  broker.answer("/service", "fine");
  EXPECT_EQ(describe(client->request(request_to("/service"))), "response fine");
}

TEST_F(ClientRequest, FailsWhenTheConnectionGoesFirst) {
  broker.answer("/service", no_answer);
  std::thread saboteur([&] {
    EXPECT_TRUE(broker.wait_for("PUBLISH /service "));
    broker.drop();
  });
  EXPECT_EQ(describe(client->request(request_to("/service"), kPatience)), "failed not_connected");
  saboteur.join();
}

TEST_F(ClientRequest, WhatCanNeverWorkIsRefusedAtOnce) {
  for (const char* topic : {"", "/a/#", "/a/+"}) {
    EXPECT_EQ(describe(client->request(request_to(topic))), "failed invalid_argument");
    EXPECT_FALSE(client->publish(event_on(topic)));
  }
  const std::string huge(16 * 1024 * 1024 + 1, 'x');
  EXPECT_EQ(describe(client->request(request_to("/a", huge))), "failed limit_exceeded");
}

TEST_F(ClientRequest, NothingIsSentWithoutAConnection) {
  ASSERT_TRUE(client->disconnect());
  EXPECT_EQ(describe(client->request(request_to("/a"))), "failed not_connected");
  const auto published = client->publish(event_on("/a"));
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, dxl::ErrorCode::kNotConnected);
  std::promise<std::string> outcome;
  client->async_request(request_to("/a"), kPatience, [&](const dxl::Result<dxl::Reply>& reply) {
    outcome.set_value(describe(reply));
  });
  EXPECT_EQ(outcome.get_future().get(), "failed not_connected");
}

TEST_F(ClientRequest, ManyThreadsGetTheirOwnAnswers) {
  broker.answer("/echo", [](const dxl::MessageView& request) {
    dxl::Response response;
    response.payload = request.payload;
    response.request_message_id.value = request.message_id;
    return dxl::Message(response);
  });
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string text = std::to_string(t * 1'000 + i);
        if (describe(client->request(request_to("/echo", text))) == "response " + text) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST_F(ClientRequest, ABlockingRequestInsideACallbackWorks) {
  broker.answer("/service", "inside");
  std::promise<std::string> outcome;
  const auto handle = client->add_event_callback("/event", [&](const dxl::Event&) {
    outcome.set_value(describe(client->request(request_to("/service"), kPatience)));
  });
  ASSERT_TRUE(handle);
  broker.deliver(event_on("/event"));
  EXPECT_EQ(outcome.get_future().get(), "response inside");
}

TEST_F(ClientRequest, DisconnectInsideACallbackIsRefused) {
  std::promise<dxl::ErrorCode> outcome;
  broker.answer("/service", "");
  client->async_request(request_to("/service"), kPatience, [&](const dxl::Result<dxl::Reply>&) {
    outcome.set_value(client->disconnect().error().code);
  });
  EXPECT_EQ(outcome.get_future().get(), dxl::ErrorCode::kInvalidArgument);
  EXPECT_TRUE(client->connected());
}

TEST_F(ClientRequest, DestructionEndsEveryOutstandingRequestOnce) {
  broker.answer("/service", no_answer);
  std::mutex mutex;
  std::vector<std::string> outcomes;
  for (int i = 0; i < 20; ++i) {
    client->async_request(request_to("/service"), kPatience,
                          [&](const dxl::Result<dxl::Reply>& reply) {
                            const std::lock_guard lock(mutex);
                            outcomes.push_back(describe(reply));
                          });
  }
  client.reset();
  EXPECT_EQ(outcomes, std::vector<std::string>(20, "failed cancelled"));
}

TEST_F(ClientRequest, ACallbackMayAskAgainDuringDestruction) {
  broker.answer("/service", no_answer);
  dxl::Client* const dying = client.get();
  std::vector<std::string> outcomes;
  client->async_request(request_to("/service"), kPatience, [&](const dxl::Result<dxl::Reply>&) {
    outcomes.push_back(describe(dying->request(request_to("/service"), kPatience)));
    dying->async_request(
        request_to("/service"), kPatience,
        [&](const dxl::Result<dxl::Reply>& reply) { outcomes.push_back(describe(reply)); });
  });
  client.reset();
  EXPECT_THAT(outcomes, testing::ElementsAre("failed cancelled", "failed cancelled"));
}

TEST_F(ClientRequest, PublishReturnsTheIdThatGoesOut) {
  const auto id = client->publish(event_on("/event", "x"));
  ASSERT_TRUE(id);
  ASSERT_TRUE(client->flush());
  EXPECT_EQ(std::get<dxl::Event>(*broker.last("/event")).header.message_id, *id);
}

TEST_F(ClientRequest, FlushComesBackBehindEverythingHandedOver) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client->publish(event_on("/event", "x")));
  ASSERT_TRUE(client->flush());
  const auto log = broker.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "PUBLISH /event x"), 100);
}

TEST_F(ClientRequest, FlushNeedsThePong) {
  broker.set({.pong = false});
  const auto flushed = client->flush(milliseconds(20));
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, dxl::ErrorCode::kTimedOut);
}

TEST_F(ClientRequest, FlushAdmitsALossOnceAndConfirmedPublishingDoesNotInheritIt) {
  ASSERT_TRUE(client->publish(event_on("/event", "lost")));
  ASSERT_TRUE(broker.wait_for("PUBLISH /event lost"));
  broker.drop();
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /mcafee/client/{me}", 2));
  ASSERT_TRUE(client->connect());
  EXPECT_TRUE(client->publish_confirmed(event_on("/event", "kept")));
  const auto flushed = client->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, dxl::ErrorCode::kNotConnected);
  EXPECT_TRUE(client->flush());
}

TEST_F(ClientRequest, ConfirmedPublishingFailsWithoutAPong) {
  broker.set({.pong = false});
  EXPECT_FALSE(client->publish_confirmed(event_on("/event"), milliseconds(20)));
}

}  // namespace
}  // namespace tiara::sdk
