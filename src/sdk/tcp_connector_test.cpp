// Connecting by configuration, over real sockets and TLS on the loopback interface.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "dxl/client.hpp"
#include "net/connection.hpp"
#include "net/endpoints.hpp"
#include "net/test_certificates.hpp"
#include "sdk/fake_broker.hpp"
#include "sdk/link.hpp"

namespace tiara::sdk {
namespace {

using testing::HasSubstr;

// Accepts TLS and hangs up after the handshake.
class TlsPeer final : public net::ConnectionHandler {
 public:
  explicit TlsPeer(const net::TlsContext::Files& files) {
    auto tls = net::TlsContext::make_server(files);
    EXPECT_TRUE(tls);
    net::ListenerOptions options;
    options.address = "127.0.0.1";
    options.tls = *tls;
    auto listener = net::Listener::open(
        loop_, options, [this]() -> net::Loop& { return loop_; },
        [this](net::Loop& loop, auto stream) {
          connections_.push_back(net::Connection::start(loop, std::move(stream), *this, {}));
        },
        [](const std::string&, const dxl::Error&) {});
    EXPECT_TRUE(listener);
    listener_ = std::move(*listener);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~TlsPeer() override {
    loop_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return listener_->port(); }

 private:
  void on_open(net::Connection& connection) override {
    connection.close({dxl::ErrorCode::kCancelled, "told to"});
  }
  std::size_t on_bytes(net::Connection&, std::string_view bytes) override { return bytes.size(); }
  void on_closed(net::Connection&, const dxl::Error&) override {}

  net::Loop loop_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::shared_ptr<net::Connection>> connections_;
  std::thread thread_;
};

// The kernel accepts for it; it never reads.
class SilentPeer {
 public:
  SilentPeer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, generic, size), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentPeer() { ::close(fd_); }
  std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

class TcpConnector : public testing::Test {
 protected:
  static dxl::BrokerAddress address(const std::string& host, std::uint16_t port) {
    dxl::BrokerAddress broker;
    broker.host = broker.ip = host;
    broker.port = port;
    return broker;
  }
  dxl::ClientConfig config_of(net::TestCa& owner, std::uint16_t port) {
    const auto files = owner.issue("client");
    dxl::ClientConfig config;
    config.cert_file = files.certificate;
    config.private_key = files.private_key;
    config.broker_cert_chain = files.ca_bundle;
    config.brokers = {address("127.0.0.1", port)};
    return config;
  }
  static dxl::Error connect_error(const dxl::ClientConfig& config) {
    auto client = dxl::Client::create(config, {.reconnect = false});
    EXPECT_TRUE(client);
    if (!client) return client.error();
    const auto connected = (*client)->connect();
    EXPECT_FALSE(connected);
    return connected ? dxl::Error{} : connected.error();
  }

  net::TestCa ca{"fabric"};
  net::TestCa stranger{"stranger"};
};

TEST_F(TcpConnector, ABrokerOfAnotherCaIsATlsFailure) {
  TlsPeer peer(stranger.issue("broker"));
  const dxl::Error error = connect_error(config_of(ca, peer.port()));
  EXPECT_EQ(error.code, dxl::ErrorCode::kTls) << error.message;
  EXPECT_THAT(error.message, HasSubstr("127.0.0.1:" + std::to_string(peer.port())));
}

TEST_F(TcpConnector, ABrokerThatRefusesOurCertificateIsATlsFailure) {
  TlsPeer peer(ca.issue("broker"));
  dxl::ClientConfig config = config_of(stranger, peer.port());
  config.broker_cert_chain = ca.ca_file();
  const dxl::Error error = connect_error(config);
  EXPECT_EQ(error.code, dxl::ErrorCode::kTls) << error.message;
}

TEST_F(TcpConnector, ABrokerThatHangsUpIsAConnectFailure) {
  TlsPeer peer(ca.issue("broker"));
  const dxl::Error error = connect_error(config_of(ca, peer.port()));
  EXPECT_EQ(error.code, dxl::ErrorCode::kConnect) << error.message;
}

// Whether the attempt or the patience for all attempts ends first.
TEST_F(TcpConnector, ABrokerThatStaysSilentIsATimeOutThatNamesTheStep) {
  SilentPeer peer;
  const std::string name = "127.0.0.1:" + std::to_string(peer.port());
  dxl::ClientOptions options;
  options.connect_timeout = std::chrono::milliseconds(200);
  for (const auto attempt : {std::chrono::milliseconds(100), std::chrono::milliseconds(60'000)}) {
    options.reconnect = attempt > options.connect_timeout;
    options.attempt_timeout = attempt;
    auto client = dxl::Client::create(config_of(ca, peer.port()), options);
    ASSERT_TRUE(client);
    const auto connected = (*client)->connect();
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code, dxl::ErrorCode::kTimedOut);
    EXPECT_EQ(connected.error().message,
              options.reconnect ? "not connected within 200 ms: no TLS answer from " + name
                                : name + ": no TLS answer within 100 ms");
  }
}

TEST_F(TcpConnector, EveryAddressIsTriedAndTheWorstKindOfFailureReported) {
  TlsPeer peer(stranger.issue("broker"));
  dxl::ClientConfig config = config_of(ca, peer.port());
  // Nobody listens on the first; the ip that repeats its host is not an address of its own.
  config.brokers.insert(config.brokers.begin(), address("127.0.0.1", 1));
  ASSERT_EQ(count_addresses(config), 2U);
  const dxl::Error error = connect_error(config);
  EXPECT_EQ(error.code, dxl::ErrorCode::kTls);
  EXPECT_THAT(error.message, HasSubstr("127.0.0.1:1: "));
  EXPECT_THAT(error.message, HasSubstr("127.0.0.1:" + std::to_string(peer.port())));
}

// The measurement shows at the broker as a connection that never starts TLS.
TEST_F(TcpConnector, MeasuresOnceAndNotAgainAfterALoss) {
  FakeBroker broker;
  broker.listen(ca.issue("broker"), false);
  dxl::ClientConfig config = config_of(ca, broker.port());
  config.brokers.insert(config.brokers.begin(), address("127.0.0.1", 1));
  dxl::ClientOptions options;
  options.reconnect_first = options.reconnect_max = std::chrono::milliseconds(5);
  auto client = dxl::Client::create(config, options);
  ASSERT_TRUE(client);
  ASSERT_TRUE((*client)->connect());
  const auto measured = [&] {
    const auto log = broker.log();
    return std::count_if(log.begin(), log.end(),
                         [](const std::string& line) { return line.starts_with("REFUSED"); });
  };
  EXPECT_EQ(measured(), 1);
  for (std::size_t loss = 1; loss <= 3; ++loss) {
    broker.drop();
    ASSERT_TRUE(broker.wait_for("SUBSCRIBE /mcafee/client/" + (*client)->id().value, loss + 1));
    ASSERT_TRUE((*client)->connect());
  }
  EXPECT_EQ(measured(), 1);
}

TEST_F(TcpConnector, WhatCannotWorkIsRefusedBeforeConnecting) {
  dxl::ClientConfig config = config_of(ca, 1);
  config.cert_file = "/nonexistent/client.crt";
  auto client = dxl::Client::create(config);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("/nonexistent/client.crt"));

  config = config_of(ca, 1);
  config.brokers.clear();
  client = dxl::Client::create(config);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, dxl::ErrorCode::kConfiguration);

  config = config_of(ca, 1);
  config.use_websockets = true;  // and none listed
  client = dxl::Client::create(config);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, dxl::ErrorCode::kConfiguration);
  EXPECT_THAT(client.error().message, HasSubstr("[BrokersWebSockets]"));

  config = config_of(ca, 1);
  config.proxy = dxl::ProxyConfig{"proxy", 3128, "a:b", "secret"};
  client = dxl::Client::create(config);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, dxl::ErrorCode::kConfiguration);
  EXPECT_THAT(client.error().message, testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace tiara::sdk
