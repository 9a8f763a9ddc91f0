// Bytes over every carrier, through two loops on two threads.
#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>

#include "net/test_certificates.hpp"
#include "net/test_peer.hpp"
#include "net/test_sockets.hpp"

namespace tiara::net {
namespace {

// Incompressible to the eye: a shifted or repeated part does not compare equal.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

enum class Carrier { kPlain, kTls, kInProcess };

class Echo : public TwoLoops, public testing::WithParamInterface<Carrier> {
 protected:
  void open() {
    switch (GetParam()) {
      case Carrier::kPlain:
        ASSERT_TRUE(connect(listen(nullptr, true), nullptr));
        break;
      case Carrier::kTls: {
        TestCa ca("echo CA");
        const auto server_tls = TlsContext::make_server(ca.issue("server"));
        const auto client_tls = TlsContext::make_client(ca.issue("client"));
        ASSERT_TRUE(server_tls && client_tls);
        ASSERT_TRUE(connect(listen(*server_tls, true), *client_tls));
        break;
      }
      case Carrier::kInProcess: {
        auto [server_end, client_end] =
            make_in_process_pair(server_loop.loop, {}, client_loop.loop, {{"a", "b", "CN=c"}});
        servers.push_back(std::make_unique<TestPeer>(true));
        server_loop.call([&, &end = server_end] {
          servers[0]->start(server_loop.loop, std::move(end), ConnectionLimits{});
        });
        client_loop.call([&, &end = client_end] {
          client->start(client_loop.loop, std::move(end), client_limits());
        });
        break;
      }
    }
    ASSERT_TRUE(client->wait_open());
  }
};

TEST_P(Echo, BringsBackMessagesOfEverySize) {
  open();
  std::string expected;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{2}, std::size_t{100}, std::size_t{16'383}, std::size_t{16'384},
        std::size_t{16'385}, std::size_t{65'536}, std::size_t{262'144}, std::size_t{300'001},
        std::size_t{1'048'577}, std::size_t{5 * 1024 * 1024}}) {
    const std::string message = pattern(size);
    expected += message;
    client->send(message);
    ASSERT_TRUE(client->wait_received(expected.size())) << size;
  }
  EXPECT_TRUE(client->received() == expected);
}

TEST_P(Echo, BringsBackManyMessagesAtOnce) {
  open();
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string message = pattern(static_cast<std::size_t>(i));
    expected += message;
    client->send(message);
  }
  ASSERT_TRUE(client->wait_received(expected.size()));
  EXPECT_TRUE(client->received() == expected);
}

TEST_P(Echo, EndsOnBothSidesWhenOneCloses) {
  open();
  client->send("x");
  ASSERT_TRUE(client->wait_received(1));
  client->close();
  EXPECT_EQ(client->wait_closed().message, "closed by the test");
  TestPeer* const server = wait_server();
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(server->wait_closed().message, "the peer closed the connection");
}

INSTANTIATE_TEST_SUITE_P(Carriers, Echo,
                         testing::Values(Carrier::kPlain, Carrier::kTls, Carrier::kInProcess),
                         [](const auto& param_info) -> std::string {
                           switch (param_info.param) {
                             case Carrier::kPlain:
                               return "Plain";
                             case Carrier::kTls:
                               return "Tls";
                             case Carrier::kInProcess:
                               return "InProcess";
                           }
                           return "";
                         });

using Bounds = TwoLoops;

TEST_F(Bounds, APeerThatNeverReadsCostsNoMoreThanItsHighWaterMark) {
  ConnectionLimits limits;
  limits.output_high_water = 64 * 1024;
  limits.read_per_turn = 128 * 1024;
  const std::uint16_t port = listen(nullptr, true, limits);
  const RawSocket peer = RawSocket::connect(port);
  const std::string block = pattern(64 * 1024);
  constexpr std::size_t kTotal = 64 * 1024 * 1024;
  std::size_t sent = 0;
  // Until the server's silence has filled all buffers in between.
  while (sent < kTotal && peer.wait(POLLOUT, std::chrono::milliseconds(300))) {
    const std::size_t at = sent % block.size();
    sent += peer.send_some(std::string_view(block).substr(at));
  }
  EXPECT_LT(sent, kTotal) << "the server went on reading";
  TestPeer* const server = wait_server();
  ASSERT_NE(server, nullptr);
  EXPECT_LE(server->most_unsent(), limits.output_high_water + limits.read_per_turn);

  // It goes on where it stopped once the peer reads.
  std::size_t received = 0;
  while (received < sent) {
    ASSERT_TRUE(peer.wait(POLLIN, kPatience));
    const std::string bytes = peer.receive_some();
    ASSERT_FALSE(bytes.empty());
    for (const char byte : bytes) {
      ASSERT_EQ(byte, block[received % block.size()]) << received;
      ++received;
    }
  }
}

TEST_F(Bounds, ServesManyConnectionsAtOnce) {
  constexpr std::size_t kConnections = 200;
  const std::uint16_t port = listen(nullptr, true);
  std::vector<std::unique_ptr<TestPeer>> peers;
  for (std::size_t i = 0; i < kConnections; ++i) peers.push_back(std::make_unique<TestPeer>());
  client_loop.call([&] {
    for (const auto& peer : peers) {
      connect_tcp(client_loop.loop, "127.0.0.1", port, nullptr, kPatience,
                  [&, to = peer.get()](dxl::Result<std::unique_ptr<Stream>> stream) {
                    ASSERT_TRUE(stream) << stream.error().message;
                    to->start(client_loop.loop, std::move(*stream), client_limits());
                  });
    }
  });
  for (const auto& peer : peers) ASSERT_TRUE(peer->wait_open());
  const std::string message = pattern(3000);
  for (const auto& peer : peers) peer->send(message);
  for (const auto& peer : peers) {
    ASSERT_TRUE(peer->wait_received(message.size()));
    EXPECT_TRUE(peer->received() == message);
  }
  client_loop.stop();
  peers.clear();
}

}  // namespace
}  // namespace tiara::net
