// The broker with real identities: TLS clients from our own key store, and the in-process service.
#include "broker/secure_broker.hpp"

namespace tiara::broker {
namespace {

constexpr std::string_view kReport = "/mcafee/event/external/file/report";
constexpr std::string_view kReputation = "/mcafee/service/tie/file/reputation";

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
