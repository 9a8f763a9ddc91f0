#include "sdk/broker_probe.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "sdk/fake_broker.hpp"

namespace tiara::sdk {
namespace {

using std::chrono::milliseconds;
using Order = std::vector<std::size_t>;

TEST(BrokerProbe, FastestFirstTheSilentLastTiesAsInTheFile) {
  EXPECT_EQ(order_by_time({milliseconds(30), milliseconds(10), std::nullopt, milliseconds(20)}),
            (Order{1, 3, 0, 2}));
  EXPECT_EQ(order_by_time({milliseconds(3), milliseconds(2), milliseconds(1)}), (Order{0, 1, 2}));
  EXPECT_EQ(order_by_time({std::nullopt, std::nullopt}), (Order{0, 1}));
  EXPECT_EQ(order_by_time({}), Order{});
}

// Listens on the loopback address of a family; the kernel accepts.
class Door {
 public:
  explicit Door(int family) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_six = family == AF_INET6;
    auto* address = is_six ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
    socklen_t size = is_six ? sizeof six : sizeof four;
    open_ = ::bind(fd_, address, size) == 0 && ::listen(fd_, 8) == 0 &&
            ::getsockname(fd_, address, &size) == 0;
    port_ = ntohs(is_six ? six.sin6_port : four.sin_port);
  }
  ~Door() { ::close(fd_); }
  bool open() const { return open_; }
  std::uint16_t port() const { return port_; }

 private:
  int fd_;
  bool open_ = false;
  std::uint16_t port_ = 0;
};

Order probe(const std::vector<Address>& addresses, milliseconds deadline) {
  net::Loop loop;
  std::thread thread([&] { loop.run(); });
  std::promise<Order> order;
  loop.post([&] {
    probe_addresses(loop, addresses, deadline, [&](Order found) { order.set_value(found); });
  });
  auto future = order.get_future();
  const bool there = future.wait_for(kPatience) == std::future_status::ready;
  loop.stop();
  thread.join();
  EXPECT_TRUE(there);
  return there ? future.get() : Order{};
}

TEST(BrokerProbe, WhoRefusesGoesBehindWhoAnswers) {
  const Door door(AF_INET);
  ASSERT_TRUE(door.open());
  EXPECT_EQ(probe({{"127.0.0.1", 1}, {"127.0.0.1", door.port()}}, kPatience), (Order{1, 0}));
}

TEST(BrokerProbe, KnowsIpV6) {
  const Door door(AF_INET6);
  if (!door.open()) GTEST_SKIP() << "no IPv6 here";
  EXPECT_EQ(probe({{"127.0.0.1", 1}, {"::1", door.port()}}, kPatience), (Order{1, 0}));
}

TEST(BrokerProbe, NobodyThereIsTheOrderOfTheFile) {
  EXPECT_EQ(probe({{"127.0.0.1", 1}, {"127.0.0.1", 2}}, kPatience), (Order{0, 1}));
}

TEST(BrokerProbe, AddressesBeyondTheLimitKeepTheirPlaceBehind) {
  const Door door(AF_INET);
  ASSERT_TRUE(door.open());
  std::vector<Address> many(kMaxProbes + 2, {"127.0.0.1", 1});
  many[kMaxProbes - 1].port = many[kMaxProbes].port = door.port();
  const Order order = probe(many, kPatience);
  ASSERT_EQ(order.size(), many.size());
  EXPECT_EQ(order[0], kMaxProbes - 1);
  EXPECT_EQ(order[1], 0U);
  EXPECT_EQ(order.back(), kMaxProbes + 1);
}

}  // namespace
}  // namespace tiara::sdk
