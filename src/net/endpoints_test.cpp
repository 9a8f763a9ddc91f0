#include "net/endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include "net/test_certificates.hpp"
#include "net/test_peer.hpp"
#include "net/test_sockets.hpp"

namespace tiara::net {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

dxl::Error connect_error(LoopThread& thread, const std::string& host, std::uint16_t port,
                         milliseconds deadline) {
  std::promise<dxl::Error> done;
  thread.loop.post([&] {
    connect_tcp(thread.loop, host, port, nullptr, deadline,
                [&](dxl::Result<std::unique_ptr<Stream>> stream) {
                  done.set_value(stream ? dxl::Error{dxl::ErrorCode::kCancelled, "connected", 0}
                                        : stream.error());
                });
  });
  return done.get_future().get();
}

// A port that nobody listens on: bound, so that nobody else gets it.
struct SilentPort {
  SilentPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket.fd(), generic, size), 0);
    EXPECT_EQ(::getsockname(socket.fd(), generic, &size), 0);
    port = ntohs(address.sin_port);
  }
  RawSocket socket;
  std::uint16_t port = 0;
};

TEST(ConnectTcp, SaysWhoRefused) {
  LoopThread thread;
  const SilentPort silent;
  const dxl::Error error = connect_error(thread, "127.0.0.1", silent.port, kPatience);
  EXPECT_EQ(error.code, dxl::ErrorCode::kConnect);
  EXPECT_EQ(error.message, fmt::format("cannot connect to 127.0.0.1:{0}: Connection refused "
                                       "(127.0.0.1)",
                                       silent.port));
}

TEST(ConnectTcp, TriesEveryAddressOfAName) {
  LoopThread thread;
  const SilentPort silent;
  const dxl::Error error = connect_error(thread, "localhost", silent.port, kPatience);
  EXPECT_EQ(error.code, dxl::ErrorCode::kConnect);
  EXPECT_THAT(error.message, HasSubstr("Connection refused (127.0.0.1)"));
}

TEST(ConnectTcp, SaysThatANameCannotBeResolved) {
  LoopThread thread;
  const dxl::Error error = connect_error(thread, "no-such-host.invalid", 8883, kPatience);
  EXPECT_EQ(error.code, dxl::ErrorCode::kConnect);
  EXPECT_THAT(error.message, HasSubstr("cannot resolve no-such-host.invalid: "));
}

TEST(ConnectTcp, KeepsToItsDeadline) {
  LoopThread thread;
  // A listener whose backlog is full does not answer.
  SilentPort full;
  ASSERT_EQ(::listen(full.socket.fd(), 0), 0);
  std::vector<std::unique_ptr<RawSocket>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(std::make_unique<RawSocket>());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(full.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{0, 50'000};
    (void)::setsockopt(waiting.back()->fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)::connect(waiting.back()->fd(), reinterpret_cast<const sockaddr*>(&address),
                    sizeof address);
  }
  const dxl::Error error = connect_error(thread, "127.0.0.1", full.port, milliseconds(50));
  EXPECT_EQ(error.code, dxl::ErrorCode::kTimedOut);
  EXPECT_THAT(error.message, HasSubstr("no answer within 50 ms"));
}

TEST(ConnectTcp, EndsWithItsLoop) {
  // Whatever state it is in, nothing leaks and nothing is called.
  for (const char* const host : {"127.0.0.1", "no-such-host.invalid", "localhost"}) {
    LoopThread thread;
    const SilentPort silent;
    thread.call([&] {
      connect_tcp(thread.loop, host, silent.port, nullptr, kPatience,
                  [](dxl::Result<std::unique_ptr<Stream>>) {});
    });
  }
}

dxl::Result<std::unique_ptr<Listener>> open_on(Loop& loop, const std::string& address,
                                               std::uint16_t port) {
  ListenerOptions options;
  options.address = address;
  options.port = port;
  return Listener::open(
      loop, options, [&loop]() -> Loop& { return loop; }, [](Loop&, std::unique_ptr<Stream>) {},
      [](const std::string&, const dxl::Error&) {});
}

TEST(Listener, SaysWhyItCannotListen) {
  Loop loop;
  const auto first = open_on(loop, "127.0.0.1", 0);
  ASSERT_TRUE(first);
  const auto taken = open_on(loop, "127.0.0.1", (*first)->port());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, dxl::ErrorCode::kConnect);
  EXPECT_EQ(taken.error().message, fmt::format("cannot listen on 127.0.0.1:{}: Address already in "
                                               "use",
                                               (*first)->port()));
  const auto wrong = open_on(loop, "nonsense", 0);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("cannot listen on nonsense:0: "));
}

TEST(Listener, SharesAPortBetweenTheAddressFamilies) {
  Loop loop;
  const auto six = open_on(loop, "::1", 0);
  if (!six) GTEST_SKIP() << six.error().message;
  const auto four = open_on(loop, "127.0.0.1", (*six)->port());
  EXPECT_TRUE(four) << four.error().message;
}

using Accepting = TwoLoops;

TEST_F(Accepting, SurvivesClientsThatLeaveAtOnce) {
  const std::uint16_t port = listen(nullptr, true);
  for (int i = 0; i < 50; ++i) RawSocket::connect(port);
  ASSERT_TRUE(connect(port, nullptr));
  client->send("still there");
  EXPECT_TRUE(client->wait_received(11));
}

TEST_F(Accepting, ServesOnTheListenersOwnLoopAsWell) {
  TestCa issuer("own loop CA");
  const auto server_tls = TlsContext::make_server(issuer.issue("server"));
  const auto client_tls = TlsContext::make_client(issuer.issue("client"));
  ASSERT_TRUE(server_tls && client_tls);
  ListenerOptions options;
  options.address = "127.0.0.1";
  options.tls = *server_tls;
  TestPeer server(true);
  std::uint16_t port = 0;
  server_loop.call([&] {
    auto opened = Listener::open(
        server_loop.loop, options, [&]() -> Loop& { return server_loop.loop; },
        [&](Loop& loop, std::unique_ptr<Stream> stream) {
          EXPECT_EQ(stream->peer_chain().size(), 2U);
          server.start(loop, std::move(stream), {});
        },
        [](const std::string&, const dxl::Error& reason) { ADD_FAILURE() << reason.message; });
    ASSERT_TRUE(opened);
    listener = std::move(*opened);
    port = listener->port();
  });
  ASSERT_TRUE(connect(port, *client_tls));
  client->send("hello");
  EXPECT_TRUE(client->wait_received(5));
  client_loop.stop();
  server_loop.stop();
}

TEST_F(Accepting, GoesOnFromLoopToLoop) {
  // Every stream lives where place() says, whoever comes.
  std::vector<std::unique_ptr<LoopThread>> homes;
  for (int i = 0; i < 3; ++i) homes.push_back(std::make_unique<LoopThread>());
  std::mutex mutex;
  std::condition_variable changed;
  std::map<const Loop*, int> lived;
  ListenerOptions options;
  options.address = "127.0.0.1";
  std::uint16_t port = 0;
  std::size_t next = 0;
  door_loop.call([&] {
    auto opened = Listener::open(
        door_loop.loop, options, [&]() -> Loop& { return homes[next++ % homes.size()]->loop; },
        [&](Loop& loop, std::unique_ptr<Stream> stream) {
          EXPECT_TRUE(loop.on_loop_thread());
          stream->close();
          const std::lock_guard lock(mutex);
          ++lived[&loop];
          changed.notify_all();
        },
        [](const std::string&, const dxl::Error& reason) { ADD_FAILURE() << reason.message; });
    ASSERT_TRUE(opened);
    listener = std::move(*opened);
    port = listener->port();
  });
  for (int i = 0; i < 9; ++i) RawSocket::connect(port);
  std::map<const Loop*, int> expected;
  for (const auto& home : homes) expected[&home->loop] = 3;
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kPatience, [&] { return lived == expected; });
    EXPECT_EQ(lived, expected);
  }
  door_loop.call([&] { listener.reset(); });
}

TEST_F(Accepting, HandsNothingOverOnceItIsGone) {
  Loop loop;
  ListenerOptions options;
  options.address = "127.0.0.1";
  bool accepted = false;
  auto opened = Listener::open(
      loop, options,
      [&]() -> Loop& {
        loop.post([&] {  // comes before the stream does
          listener.reset();
          loop.stop();
        });
        return loop;
      },
      [&](Loop&, std::unique_ptr<Stream>) { accepted = true; },
      [](const std::string&, const dxl::Error&) {});
  ASSERT_TRUE(opened);
  listener = std::move(*opened);
  const RawSocket peer = RawSocket::connect(listener->port());
  loop.run();
  EXPECT_FALSE(accepted);
  EXPECT_TRUE(peer.wait(POLLIN, kPatience)) << "the socket stayed open";
}

class Handshaking : public TwoLoops {
 protected:
  Handshaking() {
    auto server = TlsContext::make_server(ca.issue("server"));
    auto made = TlsContext::make_client(ca.issue("client"));
    EXPECT_TRUE(server && made);
    options.tls = *server;
    client_tls = *made;
  }
  static RawSocket silent_client(std::uint16_t port) {
    RawSocket socket = RawSocket::connect(port);
    socket.send_some({"\x16\x03\x01\x02\x00", 5});  // the beginning of a ClientHello
    return socket;
  }

  TestCa ca{"fabric CA"};
  ListenerOptions options;
  std::shared_ptr<const TlsContext> client_tls;
};

TEST_F(Handshaking, ThoseBeyondTheLimitWaitUntilOneEnds) {
  options.handshakes = 2;
  const std::uint16_t port = listen(options, true);
  const RawSocket first = silent_client(port);
  auto second = std::make_unique<RawSocket>(silent_client(port));
  ASSERT_TRUE(connect(port, client_tls));  // TCP only: by the kernel
  for (int i = 0; i < 5; ++i) door_loop.call([] {});
  {
    const std::lock_guard lock(servers_mutex);
    EXPECT_TRUE(servers.empty());
  }
  second.reset();
  EXPECT_TRUE(client->wait_open());
  client->send("hello");
  EXPECT_TRUE(client->wait_received(5));
  EXPECT_EQ(wait_refused().message, "the peer closed the connection during the TLS handshake");
}

TEST_F(Handshaking, WhoIsSilentMakesRoomForThoseWhoWait) {
  options.handshakes = 2;
  options.handshake_deadline = std::chrono::minutes(1);
  const std::uint16_t port = listen(options, true);
  const RawSocket mute = RawSocket::connect(port), begins = silent_client(port);
  ASSERT_TRUE(connect(port, client_tls));  // TCP only: by the kernel
  EXPECT_TRUE(client->wait_open());
  EXPECT_EQ(wait_refused().message, "the peer was silent while others waited");
  EXPECT_TRUE(mute.wait(POLLIN, kPatience));
  EXPECT_FALSE(begins.wait(POLLIN, milliseconds(0))) << "it has its deadline";
}

TEST_F(Handshaking, EachHasItsDeadline) {
  options.handshake_deadline = milliseconds(100);
  const std::uint16_t port = listen(options, true);
  std::vector<RawSocket> silent;
  for (int i = 0; i < 20; ++i) {
    silent.push_back(silent_client(port));
    if (i == 10) {
      ASSERT_TRUE(connect(port, client_tls));
      ASSERT_TRUE(client->wait_open());
    }
  }
  EXPECT_EQ(wait_refused(19).message, "the peer did not finish the handshake within 100 ms");
  for (const RawSocket& socket : silent) EXPECT_TRUE(socket.wait(POLLIN, kPatience));
  // Those that got through are not concerned.
  client->send("hello");
  EXPECT_TRUE(client->wait_received(5));
}

TEST_F(Handshaking, EndWithTheListener) {
  const std::uint16_t port = listen(options, true);
  std::vector<RawSocket> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(silent_client(port));
  ASSERT_TRUE(connect(port, client_tls));  // accepted behind them
  client->send("x");
  ASSERT_TRUE(client->wait_received(1));
  door_loop.call([&] { listener.reset(); });
  for (const RawSocket& socket : silent) EXPECT_TRUE(socket.wait(POLLIN, kPatience));
  client->send("established clients stay");
  EXPECT_TRUE(client->wait_received(25));
}

TEST_F(Handshaking, AStormIsServedToTheLast) {
  constexpr std::size_t kClients = 60;
  options.handshakes = 8;
  const std::uint16_t port = listen(options, true);
  std::vector<std::unique_ptr<TestPeer>> peers;
  for (std::size_t i = 0; i < kClients; ++i) peers.push_back(std::make_unique<TestPeer>());
  client_loop.call([&] {
    for (const auto& peer : peers) {
      connect_tcp(client_loop.loop, "127.0.0.1", port, client_tls, kPatience,
                  [&, to = peer.get()](dxl::Result<std::unique_ptr<Stream>> stream) {
                    ASSERT_TRUE(stream) << stream.error().message;
                    to->start(client_loop.loop, std::move(*stream), client_limits());
                  });
    }
  });
  for (const auto& peer : peers) ASSERT_TRUE(peer->wait_open());
  for (const auto& peer : peers) peer->send("hello");
  for (const auto& peer : peers) EXPECT_TRUE(peer->wait_received(5));
  client_loop.stop();
  peers.clear();
}

TEST(InProcess, MovesWithWhatIsOnItsWay) {
  LoopThread first, second;
  TestPeer client, server(true);
  auto [client_end, server_end] = make_in_process_pair(first.loop, {}, first.loop, {});
  first.call([&, &end = client_end] { client.start(first.loop, std::move(end), client_limits()); });
  ASSERT_TRUE(client.wait_open());
  client.send("early");
  first.call([] {});
  second.call([&, &end = server_end] {
    EXPECT_GE(end->held_bytes(), 5U);
    end->move_to(second.loop);
    server.start(second.loop, std::move(end), {});
  });
  client.send(" and late");
  EXPECT_TRUE(client.wait_received(14));
  EXPECT_EQ(client.received(), "early and late");
  first.stop();
  second.stop();
}

// UBSan looks at memory through a pipe and takes "no descriptors" for a broken object, so this one
// belongs to the release build, where ./run-tests runs it.
#ifndef __SANITIZE_ADDRESS__
TEST_F(Accepting, WaitsForDescriptorsWhenTheyRunOut) {
  const std::uint16_t port = listen(nullptr, true);
  const RawSocket early;  // has its descriptor already
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit none_left = limit;
  none_left.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const bool connected = early.connect_to(port);  // by the kernel, into the backlog
  // Several turns of the listener with nothing to give.
  for (int i = 0; i < 3; ++i) door_loop.call([] {});
  const std::size_t accepted_without = [this] {
    const std::lock_guard lock(servers_mutex);
    return servers.size();
  }();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_TRUE(connected);
  EXPECT_EQ(accepted_without, 0U);
  EXPECT_NE(wait_server(), nullptr);
}
#endif

}  // namespace
}  // namespace tiara::net
