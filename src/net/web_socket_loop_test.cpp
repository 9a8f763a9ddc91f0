// WebSockets on real sockets, loops and TLS: what the pure tests cannot show.
#include <gtest/gtest.h>

#include "net/test_certificates.hpp"
#include "net/test_frames.hpp"
#include "net/test_peer.hpp"
#include "net/test_sockets.hpp"
#include "net/web_socket_stream.hpp"

namespace tiara::net {
namespace {

class WebSocketLoop : public TwoLoops {
 protected:
  std::uint16_t listen_web_socket(std::shared_ptr<const TlsContext> tls,
                                  const ConnectionLimits& limits = {}) {
    ListenerOptions options;
    options.tls = std::move(tls);
    options.web_socket = true;
    return listen(std::move(options), true, limits);
  }

  // Our client, over TLS unless null.
  dxl::Result<void> connect_web_socket(std::uint16_t port, std::shared_ptr<const TlsContext> tls) {
    std::promise<dxl::Result<void>> done;
    client_loop.loop.post([&] {
      connect_tcp(client_loop.loop, "127.0.0.1", port, std::move(tls), kPatience,
                  [&](dxl::Result<std::unique_ptr<Stream>> stream) {
                    if (!stream) return done.set_value(dxl::fail(stream.error()));
                    client->start(client_loop.loop,
                                  make_web_socket_client_stream(std::move(*stream), "broker:443"),
                                  client_limits());
                    done.set_value({});
                  });
    });
    return done.get_future().get();
  }

  // A peer without any of our code, upgraded.
  static RawSocket connect_raw(std::uint16_t port) {
    RawSocket socket = RawSocket::connect(port);
    upgrade(socket);
    return socket;
  }
  static void upgrade(const RawSocket& socket) {
    socket.send_some(sample_request());
    EXPECT_EQ(receive(socket, sample_response().size()), sample_response());
  }
  static std::string receive(const RawSocket& socket, std::size_t size) {
    std::string bytes;
    while (bytes.size() < size && socket.wait(POLLIN, kPatience)) {
      const std::string more = socket.receive_some();
      if (more.empty()) break;
      bytes += more;
    }
    return bytes;
  }
  static std::string receive_to_end(const RawSocket& socket) {
    return receive(socket, static_cast<std::size_t>(-1));
  }
};

std::string long_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 % 251);
  return text;
}

TEST_F(WebSocketLoop, EchoesMegabytesOverTls) {
  TestCa ca("fabric CA");
  const auto server_tls = TlsContext::make_server(ca.issue("server"));
  const auto client_tls = TlsContext::make_client(ca.issue("client"));
  ASSERT_TRUE(server_tls && client_tls);
  const auto port = listen_web_socket(*server_tls);
  ASSERT_TRUE(connect_web_socket(port, *client_tls));
  ASSERT_TRUE(client->wait_open()) << client->wait_closed().message;
  const std::string text = long_text(5'000'000);
  client->send(text.substr(0, 1));
  client->send(text.substr(1, 999'999));
  client->send(text.substr(1'000'000));
  ASSERT_TRUE(client->wait_received(text.size())) << client->wait_closed().message;
  EXPECT_TRUE(client->received() == text);
  TestPeer* const server = wait_server();
  ASSERT_NE(server, nullptr);
  ASSERT_EQ(server->chain().size(), 2U);
  EXPECT_EQ(server->chain()[1].subject, "CN=client");
  client->close();
  EXPECT_EQ(server->wait_closed().message, "the peer closed the connection");
}

TEST_F(WebSocketLoop, ServesAForeignPeerThatDoesNotReadForLong) {
  ConnectionLimits limits;
  limits.output_high_water = 64 * 1024;
  const std::uint16_t port = listen_web_socket(nullptr, limits);
  const RawSocket peer;
  const int small = 64 * 1024;
  (void)::setsockopt(peer.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ASSERT_TRUE(peer.connect_to(port));
  upgrade(peer);
  // Pings among the data: they must neither be lost for ever nor stop the rest.
  const std::string text = long_text(5000);
  std::string frames, expected;
  for (int i = 0; i < 5000; ++i) {
    expected += text;
    frames += data(text);
    if (i % 100 == 0) frames += to_wire({9, std::to_string(i)});
  }
  frames += to_wire({9, "last"});
  std::string_view unsent = frames;
  while (!unsent.empty() && peer.wait(POLLOUT, std::chrono::milliseconds(200))) {
    unsent.remove_prefix(peer.send_some(unsent));
  }
  ASSERT_GT(unsent.size(), 0U) << "the server read on although nobody reads its output";

  std::string answer, echoed, last_pong;
  while (echoed.size() < expected.size() || last_pong != "last") {
    if (!unsent.empty()) unsent.remove_prefix(peer.send_some(unsent));
    ASSERT_TRUE(peer.wait(POLLIN, kPatience));
    const std::string more = peer.receive_some();
    ASSERT_FALSE(more.empty());
    answer += more;
    if (answer.size() < expected.size()) continue;
    echoed.clear();
    for (const ReceivedFrame& frame : from_wire(answer)) {
      if (frame.first_byte == 0x82) echoed += frame.payload;
      if (frame.first_byte == 0x8a) last_pong = frame.payload;
    }
  }
  EXPECT_TRUE(echoed == expected);
}

TEST_F(WebSocketLoop, ClosesBothWays) {
  const auto port = listen_web_socket(nullptr);
  const RawSocket peer = connect_raw(port);
  peer.send_some(data("hello") + to_wire({8, "\x03\xe8"}));
  EXPECT_EQ(receive_to_end(peer), "\x82\x05hello\x88\x02\x03\xe8");

  const RawSocket other = connect_raw(port);
  TestPeer* const server = wait_server(1);
  ASSERT_TRUE(server != nullptr && server->wait_open());
  server->close();
  EXPECT_EQ(receive_to_end(other), "\x88\x02\x03\xe8");
}

TEST_F(WebSocketLoop, ClosesAtAProtocolErrorWithItsReason) {
  const RawSocket peer = connect_raw(listen_web_socket(nullptr));
  peer.send_some(to_wire({3, "x"}));
  EXPECT_EQ(receive_to_end(peer), "\x88\x02\x03\xea");
  TestPeer* const server = wait_server();
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(server->wait_closed().message, "WebSocket: a frame with the unknown opcode 3");
}

TEST_F(WebSocketLoop, DeliversFramesThatCameWithTheRequest) {
  const RawSocket peer = RawSocket::connect(listen_web_socket(nullptr));
  peer.send_some(sample_request() + data("early"));
  const std::string expected = sample_response() +
                               "\x82\x05"
                               "early";
  EXPECT_EQ(receive(peer, expected.size()), expected);
}

TEST_F(WebSocketLoop, RefusesOverTheSocket) {
  const RawSocket browser = RawSocket::connect(listen_web_socket(nullptr));
  browser.send_some("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(receive_to_end(browser).starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  EXPECT_TRUE(wait_refused().message.starts_with("WebSocket upgrade refused (426): "));
}

}  // namespace
}  // namespace tiara::net
