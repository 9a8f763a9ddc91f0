// Event callbacks: order, filters, what they throw, and how long they live.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "sdk/test_client.hpp"

namespace tiara::sdk {
namespace {

using testing::ElementsAre;

class ClientEvents : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(client->connect()); }
  // Ends when every message delivered before has been dispatched.
  void settle() {
    broker.answer("/settle", "");
    Gate reached;
    ASSERT_TRUE(client->request(request_to("/settle")));
    client->async_request(request_to("/settle"), kPatience,
                          [&](const dxl::Result<dxl::Reply>&) { reached.open(); });
    ASSERT_TRUE(reached.wait());
  }

  FakeBroker broker;
  std::unique_ptr<dxl::Client> client = make_client(broker);
};

TEST_F(ClientEvents, ArriveInOrder) {
  std::vector<std::string> seen;
  const auto handle = client->add_event_callback(
      "/event", [&](const dxl::Event& event) { seen.push_back(event.payload); });
  ASSERT_TRUE(handle);
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(std::to_string(i));
    broker.deliver(event_on("/event", expected.back()));
  }
  settle();
  EXPECT_EQ(seen, expected);
}

TEST_F(ClientEvents, ReachEveryMatchingFilterAndNoOther) {
  std::vector<std::string> seen;
  std::vector<dxl::Subscription> handles;
  for (const std::string filter : {"/a/b", "/a/#", "/+/b", "#", "/a/c", "/b/#"}) {
    auto handle = client->add_event_callback(
        filter, [&seen, filter](const dxl::Event&) { seen.push_back(filter); });
    ASSERT_TRUE(handle);
    handles.push_back(std::move(*handle));
  }
  broker.deliver(event_on("/a/b"));
  settle();
  EXPECT_THAT(seen, ElementsAre("/a/b", "/a/#", "/+/b", "#"));
}

TEST_F(ClientEvents, CopiesForOverlappingFiltersReachACallbackOnce) {
  std::atomic<int> calls{0};
  const auto exact = client->add_event_callback("/a/b", [&](const dxl::Event&) { ++calls; });
  const auto wild = client->add_event_callback("/a/#", [&](const dxl::Event&) { ++calls; });
  dxl::Event event = event_on("/a/b");
  event.header.message_id.value = "{one}";
  broker.deliver(event);
  broker.deliver(event);
  settle();
  EXPECT_EQ(calls, 2);
}

TEST_F(ClientEvents, ACallbackThatThrowsIsCountedAndTheOthersRun) {
  std::atomic<int> calls{0};
  const auto bad = client->add_event_callback(
      "/event", [](const dxl::Event&) { throw std::runtime_error("on purpose"); });
  const auto good = client->add_event_callback("/event", [&](const dxl::Event&) { ++calls; });
  broker.deliver(event_on("/event"));
  broker.deliver(event_on("/event"));
  settle();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(client->stats().callback_exceptions, 2U);
}

TEST_F(ClientEvents, UnsubscribesWithTheLastHandleOnATopic) {
  auto one = client->add_event_callback("/event", [](const dxl::Event&) {});
  auto two = client->add_event_callback("/event", [](const dxl::Event&) {});
  ASSERT_TRUE(one && two);
  one->reset();
  ASSERT_TRUE(client->flush());
  EXPECT_THAT(broker.log(), testing::Not(testing::Contains("UNSUBSCRIBE /event")));
  two->reset();
  EXPECT_TRUE(broker.wait_for("UNSUBSCRIBE /event"));
}

TEST_F(ClientEvents, ADestroyedHandleWaitsForItsCallback) {
  std::promise<void> started, release;
  std::atomic<bool> finished{false};
  auto handle = client->add_event_callback("/event", [&](const dxl::Event&) {
    started.set_value();
    release.get_future().wait();
    finished = true;
  });
  ASSERT_TRUE(handle);
  broker.deliver(event_on("/event"));
  started.get_future().wait();
  std::thread releaser([&] { release.set_value(); });
  handle->reset();
  EXPECT_TRUE(finished);
  releaser.join();
}

TEST_F(ClientEvents, AHandleMayBeDestroyedInsideItsCallback) {
  dxl::Subscription handle;
  Gate gone;
  auto made = client->add_event_callback("/event", [&](const dxl::Event&) {
    handle.reset();
    gone.open();
  });
  ASSERT_TRUE(made);
  handle = std::move(*made);
  broker.deliver(event_on("/event"));
  EXPECT_TRUE(gone.wait());
  EXPECT_TRUE(broker.wait_for("UNSUBSCRIBE /event"));
}

TEST_F(ClientEvents, AHandleMayOutliveItsClient) {
  auto handle = client->add_event_callback("/event", [](const dxl::Event&) {});
  ASSERT_TRUE(handle);
  client.reset();
  handle->reset();
}

TEST_F(ClientEvents, ARefusedSubscriptionIsAnErrorAndLeavesNothing) {
  broker.set({.refused_filter = "/secret"});
  const auto handle = client->add_event_callback("/secret", [](const dxl::Event&) {});
  ASSERT_FALSE(handle);
  EXPECT_EQ(handle.error().code, dxl::ErrorCode::kNotAuthorised);
  broker.set({});
  EXPECT_TRUE(client->add_event_callback("/secret", [](const dxl::Event&) {}));
  EXPECT_TRUE(broker.wait_for("SUBSCRIBE /secret", 2));
}

TEST_F(ClientEvents, FiltersThatAreNoneAreRefused) {
  for (const char* filter : {"", "/a/#/b", "/a#", "/+a"}) {
    const auto handle = client->add_event_callback(filter, [](const dxl::Event&) {});
    ASSERT_FALSE(handle) << filter;
    EXPECT_EQ(handle.error().code, dxl::ErrorCode::kInvalidArgument);
  }
}

TEST(ClientEventsBefore, ACallbackAddedBeforeConnectingIsSubscribedByIt) {
  FakeBroker broker;
  const auto client = make_client(broker);
  const auto handle = client->add_event_callback("/event", [](const dxl::Event&) {});
  ASSERT_TRUE(handle);
  ASSERT_TRUE(client->connect());
  EXPECT_THAT(broker.log(),
              ElementsAre("CONNECT", "SUBSCRIBE /event", "SUBSCRIBE /mcafee/client/{me}"));
}

TEST(ClientOverload, AFullQueueDropsEventsAndAnswersRequests) {
  FakeBroker broker;
  dxl::ClientOptions options = quick_options();
  options.incoming_queue = 2;
  const auto client = make_client(broker, options);
  ASSERT_TRUE(client->connect());
  std::promise<void> started, release;
  std::atomic<int> calls{0};
  const auto blocked = client->add_event_callback("/block", [&](const dxl::Event&) {
    started.set_value();
    release.get_future().wait();
  });
  const auto counted = client->add_event_callback("/event", [&](const dxl::Event&) { ++calls; });
  const auto service =
      client->register_service({.service_type = "/test"}, {{"/work", [](const dxl::Request&) {}}});
  ASSERT_TRUE(blocked && counted && service);
  broker.deliver(event_on("/block"));
  started.get_future().wait();
  for (int i = 0; i < 5; ++i) broker.deliver(event_on("/event"));
  dxl::Request work = request_to("/work");
  work.reply_to_topic = "/mcafee/client/{you}";
  work.header.message_id.value = "{work}";
  broker.deliver(work);
  ASSERT_TRUE(broker.wait_for("PUBLISH /mcafee/client/{you} service is overloaded"));
  const auto error = std::get<dxl::ErrorResponse>(*broker.last("/mcafee/client/{you}"));
  EXPECT_EQ(error.error_code, dxl::kServiceOverloaded);
  EXPECT_EQ(error.request_message_id.value, "{work}");
  EXPECT_EQ(client->stats().dropped_events, 3U);
  EXPECT_EQ(client->stats().overloaded_requests, 1U);
  release.set_value();
}

}  // namespace
}  // namespace tiara::sdk
