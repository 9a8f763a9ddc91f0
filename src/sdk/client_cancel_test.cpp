// Requests as futures, and requests that are called off: each ends exactly once.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stop_token>
#include <thread>
#include <vector>

#include "sdk/test_client.hpp"

namespace tiara::sdk {
namespace {

class ClientCancel : public testing::Test {
 protected:
  void SetUp() override {
    broker.answer("/silent", [](const dxl::MessageView&) { return std::nullopt; });
    broker.answer("/service", "pong");
    ASSERT_TRUE(client->connect());
  }

  FakeBroker broker;
  std::unique_ptr<dxl::Client> client = make_client(broker);
};

TEST_F(ClientCancel, AFutureHoldsTheAnswer) {
  auto future = client->request_future(request_to("/service"));
  EXPECT_EQ(describe(future.get()), "response pong");
}

TEST_F(ClientCancel, AFutureHoldsTheFailure) {
  auto late = client->request_future(request_to("/silent"), std::chrono::milliseconds(20));
  EXPECT_EQ(describe(late.get()), "failed timed_out");
  auto invalid = client->request_future(request_to("/a/#"));
  EXPECT_EQ(describe(invalid.get()), "failed invalid_argument");
}

TEST_F(ClientCancel, AFutureIsFulfilledWhenTheClientGoes) {
  auto future = client->request_future(request_to("/silent"), kPatience);
  client.reset();
  EXPECT_EQ(describe(future.get()), "failed cancelled");
}

TEST_F(ClientCancel, AFutureMayBeAwaitedInsideTheOnlyCallbackThread) {
  std::promise<std::string> outcome;
  client->async_request(request_to("/service"), kPatience, [&](const dxl::Result<dxl::Reply>&) {
    outcome.set_value(describe(client->request_future(request_to("/service")).get()));
  });
  EXPECT_EQ(outcome.get_future().get(), "response pong");
}

TEST_F(ClientCancel, AHandleEndsItsRequestOnceAndALaterAnswerIsNobodys) {
  std::atomic<int> ends{0};
  std::promise<std::string> outcome;
  const dxl::RequestHandle handle = client->async_request(
      request_to("/silent"), kPatience, [&](const dxl::Result<dxl::Reply>& reply) {
        if (++ends == 1) outcome.set_value(describe(reply));
      });
  ASSERT_TRUE(broker.wait_for("PUBLISH /silent "));
  handle.cancel();
  handle.cancel();
  EXPECT_EQ(outcome.get_future().get(), "failed cancelled");
  dxl::Response late;
  late.topic = kReplyTopic;
  late.request_message_id = std::get<dxl::Request>(*broker.last("/silent")).header.message_id;
  broker.deliver(late);
  EXPECT_EQ(describe(client->request(request_to("/service"))), "response pong");
  EXPECT_EQ(ends, 1);
}

TEST_F(ClientCancel, AHandleMayOutliveItsRequestAndItsClient) {
  std::promise<void> ended;
  const dxl::RequestHandle handle =
      client->async_request(request_to("/service"), kPatience,
                            [&](const dxl::Result<dxl::Reply>&) { ended.set_value(); });
  ended.get_future().get();
  handle.cancel();
  client.reset();
  handle.cancel();
  dxl::RequestHandle().cancel();
}

TEST_F(ClientCancel, AStopTokenEndsABlockingRequest) {
  const auto stop = std::make_unique<std::stop_source>();  // g++ 12 warns of one on the stack
  std::thread other([&] {
    EXPECT_TRUE(broker.wait_for("PUBLISH /silent "));
    stop->request_stop();
  });
  const auto reply = client->request(request_to("/silent"), kPatience, stop->get_token());
  EXPECT_EQ(describe(reply), "failed cancelled");
  EXPECT_EQ(reply.error().message, "/silent: called off before the answer came");
  other.join();
}

TEST_F(ClientCancel, ATokenThatWasStoppedBeforeEndsARequestAtOnce) {
  const auto stop = std::make_unique<std::stop_source>();  // g++ 12 warns of one on the stack
  stop->request_stop();
  EXPECT_EQ(describe(client->request(request_to("/silent"), kPatience, stop->get_token())),
            "failed cancelled");
}

TEST_F(ClientCancel, AnswerDeadlineAndCancellationRaceToOneEnd) {
  constexpr int kRounds = 200;
  std::vector<std::future<dxl::Result<dxl::Reply>>> futures;
  std::vector<std::stop_source> stops(kRounds);
  for (int i = 0; i < kRounds; ++i) {
    futures.push_back(client->request_future(request_to("/service"), std::chrono::milliseconds(i),
                                             stops[static_cast<std::size_t>(i)].get_token()));
  }
  std::thread canceller([&] {
    for (auto& stop : stops) stop.request_stop();
  });
  for (auto& future : futures) {
    const std::string end = describe(future.get());  // a second end would abort
    EXPECT_TRUE(end == "response pong" || end == "failed timed_out" || end == "failed cancelled")
        << end;
  }
  canceller.join();
}

}  // namespace
}  // namespace tiara::sdk
