// Connections that are lost: at every step, and two hundred times under load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "sdk/test_client.hpp"

namespace tiara::sdk {
namespace {

using Step = FakeBroker::Step;

std::optional<dxl::Message> echo(const dxl::MessageView& request) {
  dxl::Response response;
  response.payload = request.payload;
  response.request_message_id.value = request.message_id;
  return dxl::Message(response);
}

class ClientLoss : public testing::TestWithParam<std::pair<const char*, Step>> {};

TEST_P(ClientLoss, AtThisStepTwiceAndTheThirdConnectionServes) {
  FakeBroker broker;
  broker.answer("/echo", echo);
  const Step step = GetParam().second;
  broker.script({step, step});
  const auto client = make_client(broker);
  ASSERT_TRUE(client->connect());
  Gate arrived;
  const auto events =
      client->add_event_callback("/event/#", [&](const dxl::Event&) { arrived.open(); });
  ASSERT_TRUE(events);
  // Lost in the registration: it says so, or it was tried again in time.
  auto service = client->register_service({.service_type = "/t"},
                                          {{"/work", [&](const dxl::Request& request) {
                                              (void)client->send_response(request, "worked");
                                            }}});
  for (int i = 0; i < 100 && !service; ++i) {
    ASSERT_TRUE(client->connect());
    service = client->register_service({.service_type = "/t"}, {});
  }
  ASSERT_TRUE(service) << service.error().message;
  std::string outcome = "failed not_connected";
  int failures = 0;
  for (; failures < 100 && outcome == "failed not_connected"; ++failures) {
    ASSERT_TRUE(client->connect());
    outcome = describe(client->request(request_to("/echo", "x"), kPatience));
  }
  EXPECT_EQ(outcome, "response x");
  broker.deliver(event_on("/event/1"));
  EXPECT_TRUE(arrived.wait());
}

INSTANTIATE_TEST_SUITE_P(Steps, ClientLoss,
                         testing::Values(std::pair{"Refused", Step::kRefused},
                                         std::pair{"AtAccept", Step::kAtAccept},
                                         std::pair{"InConnect", Step::kInConnect},
                                         std::pair{"InSubscribe", Step::kInSubscribe},
                                         std::pair{"InRegistration", Step::kInRegistration},
                                         std::pair{"InRequest", Step::kInRequest}),
                         [](const auto& parameter) { return parameter.param.first; });

// Requests without pause, a bounded number at a time, each with a count of its ends.
class Load {
 public:
  static constexpr std::size_t kRequests = 20'000;
  static constexpr std::uint64_t kAtATime = 32;

  explicit Load(dxl::Client& client) : client_(client), thread_([this] { run(); }) {}
  ~Load() { finish(); }
  void finish() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t begun() const { return begun_; }
  std::uint64_t ended() const { return ended_; }
  int ends_of(std::size_t index) const { return ends_[index]; }

 private:
  void run() {
    for (std::size_t i = 0; i < kRequests && !stopping_; ++i) {
      while (begun_ - ended_ >= kAtATime && !stopping_) std::this_thread::yield();
      // Without a connection requests fail at once: no crowd of those.
      while (!client_.connected() && !stopping_) std::this_thread::yield();
      ++begun_;
      const auto handle = client_.async_request(request_to("/echo", "x"), kPatience,
                                                [this, i](const dxl::Result<dxl::Reply>&) {
                                                  ++ends_[i];
                                                  ++ended_;
                                                });
      if (i % 16 == 0) handle.cancel();
    }
  }

  dxl::Client& client_;
  std::array<std::atomic<int>, kRequests> ends_{};
  std::atomic<std::uint64_t> begun_{0}, ended_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

TEST(ClientLossUnderLoad, TwoHundredTimesAndEveryRequestEndsOnce) {
  constexpr int kLosses = 200;
  FakeBroker broker;
  broker.answer("/echo", echo);
  dxl::ClientOptions options = quick_options();
  options.reconnect_first = options.reconnect_max = std::chrono::milliseconds(1);
  const auto client = make_client(broker, options);
  Gate connected;
  const auto watch = client->add_connection_callback([&](const dxl::ConnectionEvent& event) {
    if (event.state == dxl::ConnectionEvent::State::kConnected) connected.open();
  });
  ASSERT_TRUE(client->connect());
  Gate arrived;
  const auto events =
      client->add_event_callback("/event/#", [&](const dxl::Event&) { arrived.open(); });
  const auto service =
      client->register_service({.service_type = "/t"}, {{"/work", [](const dxl::Request&) {}}});
  ASSERT_TRUE(events && service);
  broker.set_recording(false);

  const auto load = std::make_unique<Load>(*client);
  for (int loss = 1; loss <= kLosses; ++loss) {
    ASSERT_TRUE(connected.wait(loss)) << loss;
    // Some right behind the CONNACK, some in the middle of the traffic.
    const std::uint64_t until = load->ended() + static_cast<std::uint64_t>(loss % 5);
    while (load->ended() < until && client->connected()) std::this_thread::yield();
    broker.drop();
  }
  ASSERT_TRUE(connected.wait(kLosses + 1));
  load->finish();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (load->ended() < load->begun() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(load->ended(), load->begun());
  for (std::size_t i = 0; i < load->begun(); ++i) ASSERT_EQ(load->ends_of(i), 1) << i;
  EXPECT_GE(client->stats().reconnects, static_cast<std::uint64_t>(kLosses));

  // All is there again after one more.
  broker.set_recording(true);
  broker.drop();
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /event/#"));
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /work"));
  ASSERT_TRUE(connected.wait(kLosses + 2));
  const std::string hello =
      "PUBLISH /mcafee/service/dxl/svcregistry/register "
      "{\"serviceType\":\"/t\",\"metaData\":{},\"requestChannels\":[\"/work\"],\"ttlMins\":60,"
      "\"serviceGuid\":\"" +
      service->id().value + "\"}";
  EXPECT_TRUE(broker.wait_for(hello));
  broker.deliver(event_on("/event/1"));
  EXPECT_TRUE(arrived.wait());
}

}  // namespace
}  // namespace tiara::sdk
