// Services of a client: the order of subscribing and registering, refreshing, answering.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "sdk/service_host.hpp"
#include "sdk/test_client.hpp"

namespace tiara::sdk {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kRegister = "/mcafee/service/dxl/svcregistry/register";
constexpr const char* kUnregister = "/mcafee/service/dxl/svcregistry/unregister";

// Lines of the log without ids, from the first of the service on.
std::vector<std::string> service_log(const FakeBroker& broker) {
  std::vector<std::string> lines;
  for (const std::string& line : broker.log()) {
    if (line.starts_with(std::string("PUBLISH ") + kRegister)) {
      lines.push_back("REGISTER");
    } else if (line.starts_with(std::string("PUBLISH ") + kUnregister)) {
      lines.push_back("UNREGISTER");
    } else if (line.find("/work") != std::string::npos) {
      lines.push_back(line);
    }
  }
  return lines;
}

class ClientService : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(client->connect()); }
  dxl::Result<dxl::ServiceRegistration> serve(dxl::RequestCallback callback) {
    return client->register_service({.service_type = "/test", .metadata = {{"k", "\"v\""}}},
                                    {{"/work", std::move(callback)}});
  }
  dxl::Request work(const dxl::ServiceId& service) {
    dxl::Request request = request_to("/work", "do");
    request.service_id = service;
    request.reply_to_topic = "/mcafee/client/{you}";
    request.header.message_id.value = "{work}";
    request.header.source_client_id.value = "canonical";
    request.header.source_client_instance_id = "canonical:instance";
    request.header.source_broker_id.value = "{broker}";
    return request;
  }

  FakeBroker broker;
  std::unique_ptr<dxl::Client> client = make_client(broker);
};

TEST_F(ClientService, SubscribesThenRegistersThenUnregistersThenUnsubscribes) {
  auto service = serve([](const dxl::Request&) {});
  ASSERT_TRUE(service);
  const auto sent = std::get<dxl::Request>(*broker.last(kRegister));
  EXPECT_EQ(sent.payload,
            "{\"serviceType\":\"/test\",\"metaData\":{\"k\":\"\\\"v\\\"\"},\"requestChannels\":"
            "[\"/work\"],\"ttlMins\":60,\"serviceGuid\":\"" +
                service->id().value + "\"}");
  service->reset();
  ASSERT_TRUE(broker.wait_for("UNSUBSCRIBE /work"));
  EXPECT_THAT(service_log(broker),
              ElementsAre("SUBSCRIBE /work", "REGISTER", "UNREGISTER", "UNSUBSCRIBE /work"));
  EXPECT_EQ(std::get<dxl::Request>(*broker.last(kUnregister)).payload,
            "{\"serviceGuid\":\"" + service->id().value + "\"}");
}

TEST_F(ClientService, TwoServicesOnOneTopicUnsubscribeWithTheLast) {
  auto one = serve([](const dxl::Request&) {});
  auto two = serve([](const dxl::Request&) {});
  ASSERT_TRUE(one && two);
  const std::string goodbye = std::string("PUBLISH ") + kUnregister + " {\"serviceGuid\":\"";
  one->reset();
  ASSERT_TRUE(broker.wait_for(goodbye + one->id().value + "\"}"));
  ASSERT_TRUE(client->flush());
  EXPECT_THAT(broker.log(), testing::Not(testing::Contains("UNSUBSCRIBE /work")));
  two->reset();
  EXPECT_TRUE(broker.wait_for("UNSUBSCRIBE /work"));
}

TEST_F(ClientService, AnswersGoWhereTheRequestCameFrom) {
  const auto service = serve(
      [&](const dxl::Request& request) { EXPECT_TRUE(client->send_response(request, "done")); });
  ASSERT_TRUE(service);
  broker.deliver(work(service->id()));
  ASSERT_TRUE(broker.wait_for("PUBLISH /mcafee/client/{you} done"));
  const auto response = std::get<dxl::Response>(*broker.last("/mcafee/client/{you}"));
  EXPECT_EQ(response.request_message_id.value, "{work}");
  EXPECT_EQ(response.service_id, service->id());
  EXPECT_THAT(response.header.broker_ids, ElementsAre("{broker}"));
  EXPECT_THAT(response.header.client_ids, ElementsAre("canonical:instance"));
}

TEST_F(ClientService, WithoutAnInstanceIdAnswersGoToTheCanonicalId) {
  const auto service = serve(
      [&](const dxl::Request& request) { EXPECT_TRUE(client->send_error(request, 7, "broken")); });
  ASSERT_TRUE(service);
  dxl::Request request = work({});  // no service id: whoever serves the topic
  request.header.source_client_instance_id = {};
  request.header.source_broker_id = {};
  broker.deliver(request);
  ASSERT_TRUE(broker.wait_for("PUBLISH /mcafee/client/{you} broken"));
  const auto error = std::get<dxl::ErrorResponse>(*broker.last("/mcafee/client/{you}"));
  EXPECT_EQ(error.error_code, 7U);
  EXPECT_THAT(error.header.broker_ids, testing::IsEmpty());
  EXPECT_THAT(error.header.client_ids, ElementsAre("canonical"));
}

TEST_F(ClientService, AnUnknownServiceIdIsAnsweredForTheFabric) {
  const auto service = serve([](const dxl::Request&) { ADD_FAILURE() << "not ours"; });
  ASSERT_TRUE(service);
  broker.deliver(work({"{somebody-else}"}));
  ASSERT_TRUE(broker.wait_for("PUBLISH /mcafee/client/{you} unable to locate service for request"));
  const auto error = std::get<dxl::ErrorResponse>(*broker.last("/mcafee/client/{you}"));
  EXPECT_EQ(error.error_code, dxl::kServiceUnavailable);
  EXPECT_EQ(error.service_id.value, "{somebody-else}");
}

TEST_F(ClientService, HostileReplyTopicsAreRefused) {
  dxl::Request request = work({});
  for (const char* topic : {"", "/a/#", "+"}) {
    request.reply_to_topic = topic;
    const auto sent = client->send_response(request, "");
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, dxl::ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(client->send_error(work({}), 0x80000001, "the fabric's"));
}

TEST_F(ClientService, ARefusedRegistrationIsAnErrorAndLeavesNothing) {
  broker.refuse(kRegister, dxl::kServiceLimitExceeded, "service limit exceeded");
  const auto service = serve([](const dxl::Request&) {});
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, dxl::ErrorCode::kPeer);
  EXPECT_EQ(service.error().peer_code, dxl::kServiceLimitExceeded);
  EXPECT_EQ(service.error().message, "service limit exceeded");
  EXPECT_TRUE(broker.wait_for("UNSUBSCRIBE /work"));
}

TEST_F(ClientService, ARefusedTopicIsAnErrorAndNothingIsRegistered) {
  broker.set({.refused_filter = "/work"});
  const auto service = serve([](const dxl::Request&) {});
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, dxl::ErrorCode::kNotAuthorised);
  EXPECT_EQ(broker.last(kRegister), std::nullopt);
}

TEST_F(ClientService, RegistersAgainAfterALoss) {
  const auto service = serve([](const dxl::Request&) {});
  ASSERT_TRUE(service);
  const std::string hello = std::string("PUBLISH ") + kRegister + " " +
                            std::get<dxl::Request>(*broker.last(kRegister)).payload;
  broker.drop();
  ASSERT_TRUE(broker.wait_for(hello, 2));
  EXPECT_THAT(service_log(broker),
              ElementsAre("SUBSCRIBE /work", "REGISTER", "SUBSCRIBE /work", "REGISTER"));
}

TEST_F(ClientService, DisconnectUnregistersAndConnectRegistersAgain) {
  const auto service = serve([](const dxl::Request&) {});
  ASSERT_TRUE(service);
  ASSERT_TRUE(client->disconnect());
  ASSERT_TRUE(client->connect());
  const std::string hello = std::string("PUBLISH ") + kRegister + " " +
                            std::get<dxl::Request>(*broker.last(kRegister)).payload;
  ASSERT_TRUE(broker.wait_for(hello, 2));
  EXPECT_THAT(service_log(broker), ElementsAre("SUBSCRIBE /work", "REGISTER", "UNREGISTER",
                                               "UNSUBSCRIBE /work", "SUBSCRIBE /work", "REGISTER"));
}

TEST_F(ClientService, RegistersTopicsMetadataAndTenants) {
  const auto nothing = [](const dxl::Request&) {};
  const auto service = client->register_service({.service_type = "/type",
                                                 .metadata = {{"k", "v"}, {"zone", "\"1\""}},
                                                 .ttl = std::chrono::minutes(5),
                                                 .destination_tenant_guids = {"{t1}", "{t2}"}},
                                                {{"/work/1", nothing}, {"/work/2", nothing}});
  ASSERT_TRUE(service);
  const auto sent = std::get<dxl::Request>(*broker.last(kRegister));
  EXPECT_EQ(sent.payload, R"({"serviceType":"/type","metaData":{"k":"v","zone":"\"1\""},)"
                          R"("requestChannels":["/work/1","/work/2"],"ttlMins":5,"serviceGuid":")" +
                              service->id().value + "\"}");
  EXPECT_THAT(sent.header.destination_tenant_guids, ElementsAre("{t1}", "{t2}"));
  ASSERT_TRUE(broker.wait_for("SUBSCRIBE /work/2"));
}

TEST_F(ClientService, NeedsAConnectionAndATtl) {
  EXPECT_FALSE(client->register_service({"/test", {}, std::chrono::minutes(0)}, {}));
  ASSERT_TRUE(client->disconnect());
  const auto service = serve([](const dxl::Request&) {});
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, dxl::ErrorCode::kNotConnected);
}

TEST_F(ClientService, ARegistrationMayOutliveItsClient) {
  auto service = serve([](const dxl::Request&) {});
  ASSERT_TRUE(service);
  client.reset();
  service->reset();
}

// Times of a host are its owner's choice: seen directly over a link.
class HostTest : public testing::Test, public LinkEvents {
 protected:
  void on_connected() override { connected.open(); }
  void on_disconnected(const dxl::Error&) override {}
  void on_message(std::string_view, const dxl::MessageView&) override {}

  std::string hello() const {
    return std::string("PUBLISH ") + kRegister +
           " {\"serviceType\":\"/t\",\"metaData\":{},\"requestChannels\":[\"/work\"],"
           "\"ttlMins\":0,\"serviceGuid\":\"{s}\"}";
  }
  void start_host(ServiceTimes times) {
    link.start();
    ASSERT_TRUE(connected.wait());
    link.post([this, times] {
      host = std::make_unique<ServiceHost>(
          link, "{s}", dxl::ServiceInfo{.service_type = "/t", .ttl = std::chrono::minutes(0)},
          std::vector<std::string>{"/work"}, times);
      host->start([this](const dxl::Result<void>& outcome) {
        first = outcome ? "registered" : outcome.error().message;
        started.open();
      });
    });
    ASSERT_TRUE(started.wait());
  }
  void TearDown() override {
    Gate gone;
    link.post([&] {
      host.reset();
      gone.open();
    });
    ASSERT_TRUE(gone.wait());
  }

  FakeBroker broker;
  Gate connected, started;
  std::string first;
  std::unique_ptr<ServiceHost> host;
  Link link{{.client_id = "{me}", .name = "test"}, broker.connector(), *this};
};

TEST_F(HostTest, RefreshesBeforeTheTtlIsOver) {
  start_host({.shortest_refresh = milliseconds(5)});
  EXPECT_EQ(first, "registered");
  EXPECT_TRUE(broker.wait_for(hello(), 4));
}

TEST_F(HostTest, AFailedRegistrationIsToldOnceAndTriedAgain) {
  broker.refuse(kRegister, 5, "not now");
  start_host({.retry = {.first = milliseconds(1), .max = milliseconds(5)}});
  EXPECT_EQ(first, "not now");
  EXPECT_TRUE(broker.wait_for(hello(), 3));
}

TEST_F(HostTest, ARegistrationWithoutAnAnswerIsTriedAgain) {
  broker.answer(kRegister, [](const dxl::MessageView&) { return std::optional<dxl::Message>(); });
  start_host({.register_timeout = milliseconds(5),
              .retry = {.first = milliseconds(1), .max = milliseconds(5)}});
  EXPECT_THAT(first, HasSubstr("no answer"));
  EXPECT_TRUE(broker.wait_for(hello(), 3));
}

TEST_F(HostTest, StopUnsubscribesEvenIfNobodyAnswers) {
  broker.answer(kUnregister, [](const dxl::MessageView&) { return std::optional<dxl::Message>(); });
  start_host({.unregister_timeout = milliseconds(5)});
  Gate stopped;
  link.post([&] { host->stop([&] { stopped.open(); }); });
  EXPECT_TRUE(stopped.wait());
  EXPECT_TRUE(broker.wait_for("UNSUBSCRIBE /work"));
}

}  // namespace
}  // namespace tiara::sdk
