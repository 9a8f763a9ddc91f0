#include "net/endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

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

TEST(Listener, SaysWhyItCannotListen) {
  Loop loop;
  const auto ignore = [](std::unique_ptr<Stream>) {};
  auto first = Listener::open(loop, "127.0.0.1", 0, nullptr, ignore);
  ASSERT_TRUE(first);
  const auto taken = Listener::open(loop, "127.0.0.1", (*first)->port(), nullptr, ignore);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, dxl::ErrorCode::kConnect);
  EXPECT_EQ(taken.error().message, fmt::format("cannot listen on 127.0.0.1:{}: Address already in "
                                               "use",
                                               (*first)->port()));
  const auto wrong = Listener::open(loop, "nonsense", 0, nullptr, ignore);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("cannot listen on nonsense:0: "));
}

TEST(Listener, SharesAPortBetweenTheAddressFamilies) {
  Loop loop;
  const auto ignore = [](std::unique_ptr<Stream>) {};
  auto six = Listener::open(loop, "::1", 0, nullptr, ignore);
  if (!six) GTEST_SKIP() << six.error().message;
  const auto four = Listener::open(loop, "127.0.0.1", (*six)->port(), nullptr, ignore);
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
  // Several turns of the server with nothing to give.
  for (int i = 0; i < 3; ++i) server_loop.call([] {});
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
