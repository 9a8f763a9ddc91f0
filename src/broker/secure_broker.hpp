// For tests: a broker with TLS, certificates from a key store of its own, and a revocation list.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <map>

#include "broker/broker.hpp"
#include "broker/keystore.hpp"
#include "broker/raw_client.hpp"
#include "broker/revocations.hpp"
#include "broker/test_messages.hpp"
#include "broker/testing_directory.hpp"
#include "dxl/message_codec.hpp"
#include "net/endpoints.hpp"
#include "net/test_peer.hpp"

namespace tiara::broker {

class SecureBroker : public testing::Test {
 protected:
  void SetUp() override { start(); }

  // Once for all tests: RSA keys take long to make.
  static void make_credentials() {
    if (made_) return;
    made_ = std::make_unique<TemporaryDirectory>();
    const auto opened = Keystore::create_or_open(made_->path(), "broker-under-test");
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    for (const char* name : {"reporter", "stranger", "admin"}) {
      auto issued = opened->issue_client(name);
      ASSERT_TRUE(issued.has_value()) << issued.error().message;
      issued_[name] = *std::move(issued);
      std::ofstream(made_->path() / (std::string(name) + ".crt")) << issued_[name].certificate_pem;
      std::ofstream(made_->path() / (std::string(name) + ".key")) << issued_[name].private_key_pem;
    }
  }

  void start(unsigned threads = 1) {
    make_credentials();
    std::filesystem::copy(made_->path(), directory.path(),
                          std::filesystem::copy_options::recursive);
    auto opened = Keystore::open(directory.path());
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    keystore = std::make_unique<Keystore>(*std::move(opened));
    auto opened_list = Revocations::open(directory.path() / "revokedcerts.lst",
                                         directory.path() / "keystore.lock");
    ASSERT_TRUE(opened_list.has_value()) << opened_list.error().message;
    revocations = *std::move(opened_list);
    net::TlsServerOptions tls_options;
    tls_options.is_revoked = [this](const net::PeerCertificate& each) {
      return revocations->is_revoked(each);
    };
    auto tls = net::TlsContext::make_server({.certificate = keystore->broker_certificate(),
                                             .private_key = keystore->broker_key(),
                                             .ca_bundle = keystore->client_ca()},
                                            tls_options);
    ASSERT_TRUE(tls.has_value()) << tls.error().message;
    auto started = Broker::start(
        {.broker_id = "broker-under-test",
         .listen_addresses = {"127.0.0.1"},
         .port = 0,
         .tls = *tls,
         .on_revocation =
             [this](std::vector<std::string> list) { revocations->add(std::move(list)); },
         .threads = threads},
        fabric::Authorization({.members = {{"reporter",
                                            issued_["reporter"].thumbprints,
                                            {std::string(fabric::kGroupSetExternal)}},
                                           {"admin",
                                            issued_["admin"].thumbprints,
                                            {std::string(fabric::kGroupAdministrators)}}}}));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    broker = *std::move(started);
    revocations->set_listener(
        [this](const fabric::RevocationList& list) { broker->set_revocations(list); });
  }

  // Connections go after the threads and before the loops.
  void TearDown() override {
    peer_loop.stop();
    if (revocations) revocations->set_listener(nullptr);
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
  static inline std::unique_ptr<TemporaryDirectory> made_;
  static inline std::map<std::string, IssuedCertificate> issued_;
  net::LoopThread peer_loop;
  std::shared_ptr<Revocations> revocations;
  std::unique_ptr<Broker> broker;
  std::vector<std::unique_ptr<net::TestPeer>> peers;
};

}  // namespace tiara::broker
