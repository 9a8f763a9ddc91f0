// Connecting over WebSockets and through HTTP proxies, over real sockets.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

#include "dxl/client.hpp"
#include "net/connection.hpp"
#include "net/endpoints.hpp"
#include "net/test_certificates.hpp"
#include "net/test_sockets.hpp"
#include "sdk/fake_broker.hpp"

namespace tiara::sdk {
namespace {

using testing::HasSubstr;
using testing::Not;

// A small proxy without any of our code: one connection after the other, on a thread of its own.
class SmallProxy {
 public:
  // `answer`: what it says to a CONNECT; a 200 is followed by the tunnel to `target`, whatever name
  // was asked for. Empty: it never answers. Byte by byte when `slow`.
  SmallProxy(std::string answer, std::uint16_t target, bool slow = false)
      : answer_(std::move(answer)),
        target_(target),
        slow_(slow),
        fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, generic, size), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~SmallProxy() {
    stopping_ = true;
    thread_.join();
    ::close(fd_);
  }
  std::uint16_t port() const { return port_; }
  std::string request() const {
    const std::lock_guard lock(mutex_);
    return request_;
  }

 private:
  static constexpr int kTurn = 10;  // milliseconds until it looks whether it is to stop

  void serve() {
    while (!stopping_) {
      pollfd entry{fd_, POLLIN, 0};
      if (::poll(&entry, 1, kTurn) != 1) continue;
      const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      talk(client);
      ::close(client);
    }
  }

  void talk(int client) {
    std::string head;
    std::array<char, 4096> buffer{};
    while (head.find("\r\n\r\n") == std::string::npos) {
      pollfd entry{client, POLLIN, 0};
      if (stopping_) return;
      if (::poll(&entry, 1, kTurn) != 1) continue;
      const ssize_t count = ::recv(client, buffer.data(), buffer.size(), 0);
      if (count <= 0) return;
      head.append(buffer.data(), static_cast<std::size_t>(count));
    }
    {
      const std::lock_guard lock(mutex_);
      request_ = head;
    }
    const std::size_t step = slow_ ? 1 : answer_.size();
    for (std::size_t at = 0; at < answer_.size(); at += step) {
      (void)::send(client, answer_.data() + at, step, MSG_NOSIGNAL);
    }
    if (answer_.find(" 200 ") != std::string::npos) return relay(client);
    while (!stopping_ && answer_.empty() && !left(client)) {
    }
  }

  static bool left(int client) {
    pollfd entry{client, POLLIN, 0};
    char byte = 0;
    return ::poll(&entry, 1, kTurn) == 1 && ::recv(client, &byte, 1, MSG_PEEK) <= 0;
  }

  void relay(int client) {
    const net::RawSocket broker = net::RawSocket::connect(target_);
    std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {broker.fd(), POLLIN, 0}}};
    std::array<char, 16'384> buffer{};
    while (!stopping_) {
      if (::poll(ends.data(), ends.size(), kTurn) <= 0) continue;
      for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].revents == 0) continue;
        const ssize_t count = ::recv(ends[i].fd, buffer.data(), buffer.size(), 0);
        if (count <= 0) return;
        (void)::send(ends[1 - i].fd, buffer.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL);
      }
    }
  }

  const std::string answer_;
  const std::uint16_t target_;
  const bool slow_;
  int fd_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string request_;
  std::thread thread_;
};

constexpr const char* kOpened = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
// Resolves nowhere (RFC 6761): only a proxy can know it.
constexpr const char* kRemoteName = "broker.invalid";

class ProxyConnect : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { broker.listen(ca.issue("broker"), GetParam()); }

  dxl::ClientConfig config(const std::string& host, std::uint16_t port) {
    const auto files = ca.issue("client");
    dxl::ClientConfig made;
    made.cert_file = files.certificate;
    made.private_key = files.private_key;
    made.broker_cert_chain = files.ca_bundle;
    made.use_websockets = GetParam();
    dxl::BrokerAddress address;
    address.host = host;
    address.port = port;
    (GetParam() ? made.websocket_brokers : made.brokers) = {address};
    return made;
  }
  dxl::ClientConfig through(const SmallProxy& proxy, const std::string& user = "",
                            const std::string& password = "") {
    dxl::ClientConfig made = config(kRemoteName, 8883);
    made.proxy = dxl::ProxyConfig{"127.0.0.1", proxy.port(), user, password};
    return made;
  }
  static dxl::Error failure_of(const dxl::ClientConfig& config,
                               std::chrono::milliseconds attempt = kPatience) {
    auto client = dxl::Client::create(
        config, {.connect_timeout = kPatience * 2, .attempt_timeout = attempt, .reconnect = false});
    EXPECT_TRUE(client);
    if (!client) return client.error();
    const auto connected = (*client)->connect();
    EXPECT_FALSE(connected);
    return connected ? dxl::Error{} : connected.error();
  }
  void expect_service(const dxl::ClientConfig& config) {
    broker.answer("/service", "pong");
    auto client = dxl::Client::create(config, {.connect_timeout = kPatience});
    ASSERT_TRUE(client) << client.error().message;
    const auto connected = (*client)->connect();
    ASSERT_TRUE(connected) << connected.error().message;
    dxl::Request request;
    request.topic = "/service";
    request.payload = std::string(100'000, 'x');
    const auto reply = (*client)->request(request, kPatience);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(std::get<dxl::Response>(*reply).payload, "pong");
  }

  net::TestCa ca{"fabric"};
  FakeBroker broker;
};

TEST_P(ProxyConnect, WithoutAProxy) { expect_service(config("127.0.0.1", broker.port())); }

TEST_P(ProxyConnect, TheProxyResolvesTheName) {
  SmallProxy proxy(kOpened, broker.port());
  expect_service(through(proxy));
  EXPECT_THAT(proxy.request(), testing::StartsWith("CONNECT broker.invalid:8883 HTTP/1.1\r\n"));
  EXPECT_THAT(proxy.request(), Not(HasSubstr("Authorization")));
}

TEST_P(ProxyConnect, UserAndPasswordAreGiven) {
  SmallProxy proxy(kOpened, broker.port());
  expect_service(through(proxy, "joe", "secret"));
  EXPECT_THAT(proxy.request(), HasSubstr("\r\nProxy-Authorization: Basic am9lOnNlY3JldA==\r\n"));
}

TEST_P(ProxyConnect, ASlowAnswerIsPutTogether) {
  SmallProxy proxy(kOpened, broker.port(), true);
  expect_service(through(proxy));
}

struct ProxyRefusal {
  const char* answer;
  dxl::ErrorCode code;
  const char* words;
};

TEST_P(ProxyConnect, RefusalsAreToldInWordsWithoutThePassword) {
  const std::string endless(20'000, 'x');
  for (const ProxyRefusal& each : {
           ProxyRefusal{"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                        dxl::ErrorCode::kNotAuthorised, "407 Proxy Authentication Required"},
           ProxyRefusal{"HTTP/1.1 403 Forbidden\r\n\r\n", dxl::ErrorCode::kNotAuthorised,
                        "403 Forbidden"},
           ProxyRefusal{"HTTP/1.1 503 Busy\r\n\r\n", dxl::ErrorCode::kConnect, "503 Busy"},
           ProxyRefusal{"SSH-2.0-OpenSSH\r\n\r\n", dxl::ErrorCode::kMalformed, "is not HTTP"},
           ProxyRefusal{"HTTP/1.1 200 OK\r\n\r\nmore", dxl::ErrorCode::kMalformed,
                        "something behind"},
           ProxyRefusal{"HTTP/1.1 2", dxl::ErrorCode::kConnect, "the proxy closed the connection"},
           ProxyRefusal{endless.c_str(), dxl::ErrorCode::kMalformed, "too long"},
       }) {
    SmallProxy proxy(each.answer, broker.port());
    const dxl::Error error = failure_of(through(proxy, "joe", "secret"));
    EXPECT_EQ(error.code, each.code) << error.message;
    EXPECT_THAT(error.message, HasSubstr(each.words));
    EXPECT_THAT(error.message, HasSubstr("broker.invalid:8883 through the proxy 127.0.0.1:"));
    EXPECT_THAT(error.message, Not(HasSubstr("secret")));
  }
}

TEST_P(ProxyConnect, ASilentProxyIsATimeOut) {
  SmallProxy proxy("", broker.port());
  const dxl::Error error = failure_of(through(proxy), std::chrono::milliseconds(100));
  EXPECT_EQ(error.code, dxl::ErrorCode::kTimedOut);
  EXPECT_THAT(error.message, HasSubstr("through the proxy 127.0.0.1:"));
}

TEST_P(ProxyConnect, NoProxyThereIsAConnectFailure) {
  dxl::ClientConfig made = config(kRemoteName, 8883);
  made.proxy = dxl::ProxyConfig{"127.0.0.1", 1, "", ""};
  EXPECT_EQ(failure_of(made).code, dxl::ErrorCode::kConnect);
}

INSTANTIATE_TEST_SUITE_P(Transports, ProxyConnect, testing::Bool(), [](const auto& parameter) {
  return parameter.param ? "WebSockets" : "Mqtt";
});

}  // namespace
}  // namespace tiara::sdk
