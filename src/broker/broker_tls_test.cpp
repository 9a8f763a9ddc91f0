// The broker with real identities: TLS clients from our own key store, and the in-process service.
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "broker/broker.hpp"
#include "broker/keystore.hpp"
#include "broker/raw_client.hpp"
#include "broker/test_messages.hpp"
#include "broker/testing_directory.hpp"
#include "dxl/message_codec.hpp"
#include "net/endpoints.hpp"
#include "net/test_peer.hpp"

namespace tiara::broker {
namespace {

constexpr std::string_view kReport = "/mcafee/event/external/file/report";
constexpr std::string_view kReputation = "/mcafee/service/tie/file/reputation";

class SecureBroker : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Keystore::create_or_open(directory.path(), "broker-under-test");
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    keystore = std::make_unique<Keystore>(*std::move(opened));
    for (const char* name : {"reporter", "stranger"}) {
      auto issued = keystore->issue_client(name);
      ASSERT_TRUE(issued.has_value()) << issued.error().message;
      issued_[name] = *std::move(issued);
      std::ofstream(directory.path() / (std::string(name) + ".crt"))
          << issued_[name].certificate_pem;
      std::ofstream(directory.path() / (std::string(name) + ".key"))
          << issued_[name].private_key_pem;
    }
    auto tls = net::TlsContext::make_server({.certificate = keystore->broker_certificate(),
                                             .private_key = keystore->broker_key(),
                                             .ca_bundle = keystore->client_ca()});
    ASSERT_TRUE(tls.has_value()) << tls.error().message;
    auto started = Broker::start(
        {.broker_id = "broker-under-test",
         .listen_addresses = {"127.0.0.1"},
         .port = 0,
         .tls = *tls},
        fabric::Authorization({.members = {{"reporter",
                                            issued_["reporter"].thumbprints,
                                            {std::string(fabric::kGroupSetExternal)}}}}));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    broker = *std::move(started);
  }

  // Connections go after the threads and before the loops.
  void TearDown() override {
    peer_loop.stop();
    broker.reset();
    peers.clear();
  }

  net::TestPeer& connect(const std::string& name) {
    auto tls = net::TlsContext::make_client({.certificate = directory.path() / (name + ".crt"),
                                             .private_key = directory.path() / (name + ".key"),
                                             .ca_bundle = keystore->broker_ca_bundle()});
    EXPECT_TRUE(tls.has_value()) << tls.error().message;
    net::TestPeer& peer = *peers.emplace_back(std::make_unique<net::TestPeer>());
    std::promise<bool> connected;
    peer_loop.call([&] {
      net::connect_tcp(peer_loop.loop, "127.0.0.1", broker->port(), *tls, net::kPatience,
                       [&](dxl::Result<std::unique_ptr<net::Stream>> stream) {
                         if (stream)
                           peer.start(peer_loop.loop, *std::move(stream), net::client_limits());
                         connected.set_value(stream.has_value());
                       });
    });
    EXPECT_TRUE(connected.get_future().get());
    return peer;
  }

  net::TestPeer& attach() {
    const fabric::Thumbprints& own = issued_["stranger"].thumbprints;
    auto stream = broker->attach_service(
        peer_loop.loop, {{"ca", "ca", "CN=ca"}, {own.sha1, own.sha256, "CN=service"}});
    net::TestPeer& peer = *peers.emplace_back(std::make_unique<net::TestPeer>());
    peer_loop.call([&] { peer.start(peer_loop.loop, std::move(stream), net::client_limits()); });
    return peer;
  }

  // Sends and waits until `bytes` more have come back.
  static std::string exchange(net::TestPeer& peer, const std::string& sent, std::size_t bytes) {
    const std::size_t before = peer.received().size();
    EXPECT_TRUE(peer.wait_open());
    peer.send(sent);
    EXPECT_TRUE(peer.wait_received(before + bytes));
    return peer.received().substr(before);
  }
  static void enter(net::TestPeer& peer, std::string_view filter) {
    EXPECT_EQ(exchange(peer, connect_packet() + subscribe_packet(filter), 9),
              "\x20\2\0\0\x90\3\0\7\0"s);
  }
  // What had come until the broker answered a ping sent now.
  static std::string settled(net::TestPeer& peer) {
    const std::size_t before = peer.received().size();
    peer.send(kPing);
    EXPECT_TRUE(peer.wait_received(before + 2));
    return peer.received();
  }

  TemporaryDirectory directory;
  std::unique_ptr<Keystore> keystore;
  std::map<std::string, IssuedCertificate> issued_;
  net::LoopThread peer_loop;
  std::unique_ptr<Broker> broker;
  std::vector<std::unique_ptr<net::TestPeer>> peers;
};

TEST_F(SecureBroker, SenderAndGroupsFollowFromTheCertificate) {
  net::TestPeer &service = attach(), &reporter = connect("reporter"),
                &stranger = connect("stranger");
  enter(service, kReport);
  enter(reporter, "/mcafee/client/{reporter}");
  enter(stranger, kReport);

  // A stranger's report goes nowhere, the reporter's reaches the service, and only the service.
  exchange(stranger, publish_packet(kReport, event("forged")) + kPing, 2);
  EXPECT_EQ(broker->status().refused_publishes, 1U);
  reporter.send(publish_packet(kReport, event("true")));
  const std::size_t before = 9;
  const std::size_t header = 3 + 2 + kReport.size();  // the length field takes two bytes
  ASSERT_TRUE(service.wait_received(before + header));
  const std::string got = settled(service);
  const auto message = dxl::decode_message(std::string_view(got).substr(before + header));
  ASSERT_TRUE(message.has_value()) << message.error().message;
  EXPECT_EQ(message->payload, "true");
  EXPECT_EQ(message->source_client_id, issued_["reporter"].thumbprints.sha1);
  EXPECT_TRUE(
      message->source_client_instance_id.starts_with(issued_["reporter"].thumbprints.sha1 + ":"));
  const std::vector<std::string> fields = message->other_fields.to_strings();
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0], "dxl.certs");
  EXPECT_EQ(fields[1].size(), 81U);
  EXPECT_TRUE(fields[1].ends_with(";" + issued_["reporter"].thumbprints.sha1));
  EXPECT_EQ(settled(stranger).size(), 9U + 2 + 2) << "the stranger saw the report";
}

TEST_F(SecureBroker, TheAttachedServiceAnswersRequestsNobodyElseSees) {
  net::TestPeer &service = attach(), &stranger = connect("stranger");
  enter(service, "/mcafee/service/tie/#");
  enter(stranger, "/mcafee/service/#");
  service.send(publish_packet("/mcafee/service/dxl/svcregistry/register",
                              request(R"({"serviceGuid":"{tie}","requestChannels":[")" +
                                          std::string(kReputation) + R"("],"ttlMins":60})",
                                      "/mcafee/client/{service}")));
  settled(service);
  EXPECT_EQ(broker->status().services, 1U);
  const std::size_t before = settled(service).size(), seen = settled(stranger).size();
  stranger.send(publish_packet(kReputation, request("who?", "/mcafee/client/{stranger}")));
  ASSERT_TRUE(service.wait_received(before + 3 + 2 + kReputation.size()));
  EXPECT_NE(settled(service).find("who?"), std::string::npos);
  EXPECT_EQ(settled(stranger).size(), seen + 2);
}

TEST_F(SecureBroker, AClientWithoutACertificateDoesNotGetIn) {
  RawClient raw(broker->port());
  raw.send(connect_packet());
  EXPECT_TRUE(raw.wait_closed());
  EXPECT_EQ(broker->status().connections, 0U);
}

}  // namespace
}  // namespace tiara::broker
