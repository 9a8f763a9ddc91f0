// Revocation through the whole broker: the event, the list in its file, clients inside and at the
// door, with one I/O thread and with several.
#include <openssl/pem.h>

#include <thread>

#include "broker/certificate.hpp"
#include "broker/secure_broker.hpp"
#include "broker/state_directory.hpp"
#include "net/tls_verify.hpp"

namespace tiara::broker {
namespace {

using testing::HasSubstr;

std::string serial_of(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  std::string serial = net::describe_certificate(certificate).issuer_serial;
  X509_free(certificate);
  BIO_free(bio);
  return serial;
}

class Revocation : public SecureBroker, public testing::WithParamInterface<unsigned> {
 protected:
  void SetUp() override { start(GetParam()); }

  // Connects and enters; several, so that each I/O thread has some.
  std::vector<net::TestPeer*> enter_many(const std::string& name) {
    std::vector<net::TestPeer*> entered;
    for (int i = 0; i < 4; ++i) {
      entered.push_back(&connect(name));
      enter(*entered.back(), fabric::kRevocationTopic);
    }
    return entered;
  }
  bool wait_saved(const std::string& thumbprint) {
    const auto deadline = std::chrono::steady_clock::now() + net::kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto text = read_file(directory.path() / "revokedcerts.lst");
      if (text && text->find(thumbprint) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // between two looks
    }
    return false;
  }
  void revoke(net::TestPeer& sender, const std::string& lines) {
    exchange(sender, publish_packet(fabric::kRevocationTopic, event(lines)) + kPing, 2);
  }
};

TEST_P(Revocation, AnAdministratorsEventClosesTheDoorAtOnceAndForGood) {
  const auto admins = enter_many("admin"), strangers = enter_many("stranger"),
             reporters = enter_many("reporter");
  const std::string sha1 = issued_["stranger"].thumbprints.sha1;
  revoke(*admins.front(), sha1);
  for (net::TestPeer* const peer : strangers)
    EXPECT_NE(peer->wait_closed().message, "never closed");
  EXPECT_TRUE(wait_saved(sha1));
  for (net::TestPeer* const peer : reporters)
    EXPECT_THAT(settled(*peer), HasSubstr(std::string(fabric::kRevocationTopic)));  // delivered
  EXPECT_THAT(connect("stranger").wait_closed().message,
              HasSubstr("the broker refused our certificate"));

  // The file is what is in force after a restart.
  auto again =
      Revocations::open(directory.path() / "revokedcerts.lst", directory.path() / "keystore.lock");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE((*again)->is_revoked({sha1, "", ""}));
}

TEST_P(Revocation, ARevocationEventFromAnOrdinaryClientChangesNothing) {
  const auto admins = enter_many("admin"), strangers = enter_many("stranger");
  revoke(*strangers.front(), issued_["admin"].thumbprints.sha1);
  EXPECT_EQ(broker->status().refused_publishes, 1U);
  for (net::TestPeer* const peer : admins) settled(*peer);
  EXPECT_EQ(revocations->list().size(), 0U);
  EXPECT_FALSE(read_file(directory.path() / "revokedcerts.lst").has_value());
  enter(connect("admin"), "/t");
}

TEST_P(Revocation, ARevokedCaShutsOutAllItHasSigned) {
  const auto admins = enter_many("admin"), reporters = enter_many("reporter");
  const auto ca = read_certificate(keystore->client_ca());
  ASSERT_TRUE(ca);
  net::TestPeer& service = attach();
  enter(service, "/t");
  revocations->add({ca->thumbprints.sha256});
  for (const auto& group : {admins, reporters})
    for (net::TestPeer* const peer : group) EXPECT_NE(peer->wait_closed().message, "never closed");
  settled(service);
}

TEST_P(Revocation, ReloadingTheFileRevokesAndPardons) {
  const auto strangers = enter_many("stranger");
  const std::filesystem::path file = directory.path() / "revokedcerts.lst";
  ASSERT_TRUE(write_file_atomically(file, issued_["stranger"].thumbprints.sha256 + "\r\n"));
  ASSERT_TRUE(revocations->reload({}));
  for (net::TestPeer* const peer : strangers)
    EXPECT_NE(peer->wait_closed().message, "never closed");
  ASSERT_TRUE(write_file_atomically(file, "# nobody\n"));
  ASSERT_TRUE(revocations->reload({}));
  enter(connect("stranger"), "/t");
}

TEST_P(Revocation, WhatACrlNamesIsDisconnectedByAReload) {
  net::TestPeer &stranger = connect("stranger"), &reporter = connect("reporter");
  enter(stranger, "/t");
  enter(reporter, "/t");
  ASSERT_TRUE(revocations->reload({serial_of(issued_["stranger"].certificate_pem)}));
  EXPECT_NE(stranger.wait_closed().message, "never closed");
  settled(reporter);
}

TEST_P(Revocation, AClientsWillGoesWithItsCertificate) {
  net::TestPeer& stranger = connect("stranger");
  ASSERT_TRUE(stranger.wait_open());
  exchange(stranger, connect_packet(6, 60, text_field("/will") + text_field("last words")), 4);
  net::TestPeer& reporter = connect("reporter");
  enter(reporter, "/will");
  revocations->add({issued_["stranger"].thumbprints.sha1});
  EXPECT_NE(stranger.wait_closed().message, "never closed");
  EXPECT_EQ(settled(reporter).find("last words"), std::string::npos);
}

TEST_P(Revocation, NewHandshakesGetTheNewCertificateAndClientsStay) {
  net::TestPeer& reporter = connect("reporter");
  enter(reporter, "/t");
  const std::string before = reporter.chain().back().sha1;
  const auto renewed =
      issue_certificate({"renewed", CertificateKind::kBroker, std::chrono::hours(24)}, nullptr);
  ASSERT_TRUE(renewed);
  std::ofstream(directory.path() / "renewed.crt") << renewed->certificate_pem;
  std::ofstream(directory.path() / "renewed.key") << renewed->private_key_pem;
  auto tls = net::TlsContext::make_server({.certificate = directory.path() / "renewed.crt",
                                           .private_key = directory.path() / "renewed.key",
                                           .ca_bundle = keystore->client_ca()});
  ASSERT_TRUE(tls) << tls.error().message;
  broker->set_tls(*tls);
  settled(reporter);
  EXPECT_THAT(connect("stranger").wait_closed().message, HasSubstr("CN=renewed"));
}

INSTANTIATE_TEST_SUITE_P(Threads, Revocation, testing::Values(1U, 3U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace tiara::broker
