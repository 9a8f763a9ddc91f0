#include "net/https_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <signal.h>
#include <sys/time.h>

#include <stdexcept>
#include <thread>

#include "net/openssl.hpp"
#include "net/test_certificates.hpp"
#include "net/test_sockets.hpp"

namespace tiara::net {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience{30};

// A blocking TLS client on OpenSSL alone.
class TlsSocket {
 public:
  explicit TlsSocket(std::uint16_t port) : socket_(RawSocket::connect(port)) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL's own socket writes raise it
    const timeval patience{kPatience.count(), 0};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.fd());
    open_ = SSL_connect(ssl_.get()) == 1;
  }
  bool is_open() const { return open_; }
  // "CN=server"
  std::string certificate_name() const {
    const std::unique_ptr<X509, FreeWith<X509_free>> certificate(
        SSL_get1_peer_certificate(ssl_.get()));
    if (certificate == nullptr) return {};
    std::array<char, 100> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
    return name.data();
  }
  bool send(const std::string& text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  }
  // Until the server ends the connection.
  std::string receive_all() {
    while (receive_more()) {
    }
    return received_;
  }
  std::string receive_until(std::string_view end) {
    while (!received_.ends_with(end) && receive_more()) {
    }
    return std::exchange(received_, {});
  }

 private:
  bool receive_more() {
    std::array<char, 4096> block;
    const int size = SSL_read(ssl_.get(), block.data(), block.size());
    ERR_clear_error();
    if (size <= 0) return false;
    received_.append(block.data(), static_cast<std::size_t>(size));
    return true;
  }

  SslContextPtr context_{SSL_CTX_new(TLS_client_method())};
  RawSocket socket_;
  SslPtr ssl_;
  bool open_ = false;
  std::string received_;
};

class Https : public testing::Test {
 protected:
  void serve(HttpsLimits limits = {}) {
    HttpsOptions options;
    options.listen_addresses = {"127.0.0.1"};
    options.port = 0;
    options.tls = make_tls("server");
    options.limits = limits;
    auto started = HttpsServer::start(std::move(options), [](const HttpRequest& request) {
      if (request.path == "/throw") throw std::runtime_error("oops");
      HttpResponse response;
      if (request.path == "/large") return HttpResponse{.body = std::string(32 << 20, 'x')};
      response.body = request.path + "|" + request.query + "|" + request.host + "|" +
                      request.peer_address + "|" + request.local_address + ".";
      return response;
    });
    ASSERT_TRUE(started) << started.error().message;
    server_ = *std::move(started);
  }
  std::shared_ptr<const TlsContext> make_tls(const std::string& name) {
    const auto files = ca_.issue(name);
    auto made = TlsContext::make_https_server(files.certificate, files.private_key);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : nullptr;
  }
  bool wait_until_empty() const {
    const auto end = Clock::now() + kPatience;
    while (server_->status().connections > 0 && Clock::now() < end)
      std::this_thread::sleep_for(milliseconds(2));  // between two looks
    return server_->status().connections == 0;
  }
  std::string exchange(const std::string& request) {
    TlsSocket socket(server_->port());
    EXPECT_TRUE(socket.is_open());
    socket.send(request);
    return socket.receive_all();
  }
  static std::string get(const std::string& target, const std::string& more = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + more + "\r\n";
  }

  TestCa ca_{"https test CA"};
  std::unique_ptr<HttpsServer> server_;
};

TEST_F(Https, AnswersAndCloses) {
  serve();
  const std::string answer = exchange(get("/a?b", "Connection: close\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n/a|b|h|127.0.0.1|127.0.0.1."));
}

TEST_F(Https, KeepsTheConnectionAndServesPipelinedRequestsInOrder) {
  serve();
  TlsSocket socket(server_->port());
  socket.send(get("/1"));
  EXPECT_THAT(socket.receive_until("."), HasSubstr("/1|"));
  socket.send(get("/2") + get("/3") + get("/4", "Connection: close\r\n") + get("/5"));
  const std::string answers = socket.receive_all();
  EXPECT_LT(answers.find("/2|"), answers.find("/3|"));
  EXPECT_THAT(answers, HasSubstr("/4|"));
  EXPECT_EQ(answers.find("/5|"), std::string::npos);
}

TEST_F(Https, Http10ClosesBehindTheAnswer) {
  serve();
  EXPECT_THAT(exchange("GET /old HTTP/1.0\r\n\r\n"), EndsWith("/old|||127.0.0.1|127.0.0.1."));
}

TEST_F(Https, HeadHasNoBody) {
  serve();
  const std::string answer = exchange("HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 26\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(Https, ARequestWithABodyIsRefusedAndTheAnswerArrives) {
  serve();
  const std::string body(100'000, 'x');
  EXPECT_THAT(exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + body),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(Https, AHandlerThatThrowsIsAnInternalError) {
  serve();
  const std::string answer = exchange(get("/throw", "Connection: close\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(answer.find("oops"), std::string::npos);
}

TEST_F(Https, GarbageIsABadRequest) {
  serve();
  EXPECT_THAT(exchange("\x01\x02 nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(server_->status().refused, 1u);
}

TEST_F(Https, HugeHeadersAreRefused) {
  HttpsLimits limits;
  limits.header_bytes = 4096;
  serve(limits);
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x')),
              StartsWith("HTTP/1.1 431 a request above 4096 bytes (header_bytes)"));
  EXPECT_THAT(exchange(get("/", "X: " + std::string(5000, 'x') + "\r\n")),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(Https, SlowHeadersEndAtTheDeadlineHoweverTheyTrickle) {
  HttpsLimits limits;
  limits.request_deadline = milliseconds(300);
  serve(limits);
  TlsSocket socket(server_->port());
  const auto began = Clock::now();
  bool sent = true;
  while (sent && Clock::now() - began < kPatience) {
    sent = socket.send("X");
    std::this_thread::sleep_for(milliseconds(10));  // the peer that this is about
  }
  EXPECT_FALSE(sent);
  EXPECT_GE(server_->status().refused, 1u);
}

TEST_F(Https, APeerThatTakesNoAnswerIsClosedAtTheDeadline) {
  HttpsLimits limits;
  limits.request_deadline = milliseconds(300);
  serve(limits);
  TlsSocket socket(server_->port());
  socket.send(get("/large"));
  ASSERT_TRUE(wait_until_empty());
  EXPECT_EQ(server_->status().refused, 1u);
}

TEST_F(Https, ATrickleOfHandshakeBytesEndsAtTheDeadline) {
  HttpsLimits limits;
  limits.request_deadline = milliseconds(300);
  serve(limits);
  const RawSocket socket = RawSocket::connect(server_->port());
  socket.send_some("\x16\x03\x01\x02");
  const auto began = Clock::now();
  while (!socket.wait(POLLIN, milliseconds(10)) && Clock::now() - began < kPatience)
    socket.send_some("\x01");  // of a record of 513 bytes
  EXPECT_TRUE(socket.wait(POLLIN, milliseconds(0)));
  EXPECT_GE(Clock::now() - began, milliseconds(250));
  ASSERT_TRUE(wait_until_empty());
  EXPECT_EQ(server_->status().refused, 1u);
}

TEST_F(Https, ManySmallHeaderFieldsAreBoundedByTheirBytes) {
  serve();
  std::string fields;
  while (fields.size() < HttpsLimits().header_bytes) fields += "a:b\r\n";
  EXPECT_THAT(exchange(get("/", fields)), StartsWith("HTTP/1.1 431 "));
  fields.resize(HttpsLimits().header_bytes / 2 / 5 * 5);
  EXPECT_THAT(exchange(get("/", fields + "Connection: close\r\n")), StartsWith("HTTP/1.1 "));
}

TEST_F(Https, APeerThatNeverShakesHandsIsClosed) {
  HttpsLimits limits;
  limits.request_deadline = milliseconds(100);
  serve(limits);
  const RawSocket socket = RawSocket::connect(server_->port());
  ASSERT_TRUE(socket.wait(POLLIN, kPatience));
  EXPECT_EQ(socket.receive_some(), "");
}

TEST_F(Https, AnIdleConnectionIsClosed) {
  HttpsLimits limits;
  limits.idle_deadline = milliseconds(100);
  serve(limits);
  TlsSocket socket(server_->port());
  socket.send(get("/1"));
  EXPECT_THAT(socket.receive_until("."), HasSubstr("/1|"));
  EXPECT_EQ(socket.receive_all(), "");
  EXPECT_EQ(server_->status().refused, 0u);
}

TEST_F(Https, PlainTextOnTheTlsPortIsClosed) {
  serve();
  const RawSocket socket = RawSocket::connect(server_->port());
  socket.send_some(get("/"));
  ASSERT_TRUE(socket.wait(POLLIN, kPatience));
}

TEST_F(Https, SilentPeersDoNotKeepOthersOut) {
  HttpsLimits limits;
  limits.connections = 8;
  serve(limits);
  std::vector<RawSocket> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(RawSocket::connect(server_->port()));
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(exchange(get("/in", "Connection: close\r\n")), HasSubstr("/in|"));
  EXPECT_LE(server_->status().connections, 8u);
}

TEST_F(Https, ANewCertificateIsForTheNextConnectionAndTheOldOneGoesOn) {
  serve();
  TlsSocket before(server_->port());
  EXPECT_EQ(before.certificate_name(), "server");
  server_->set_tls(make_tls("renewed"));
  TlsSocket after(server_->port());
  EXPECT_EQ(after.certificate_name(), "renewed");
  before.send(get("/old", "Connection: close\r\n"));
  EXPECT_THAT(before.receive_all(), HasSubstr("/old|"));
  after.send(get("/new", "Connection: close\r\n"));
  EXPECT_THAT(after.receive_all(), HasSubstr("/new|"));
}

TEST_F(Https, StopsWithConnectionsOpen) {
  serve();
  TlsSocket waiting(server_->port());
  const RawSocket silent = RawSocket::connect(server_->port());
  server_.reset();
  EXPECT_EQ(waiting.receive_all(), "");
}

TEST_F(Https, SaysWhichPortIsTaken) {
  serve();
  HttpsOptions options;
  options.listen_addresses = {"127.0.0.1"};
  options.port = server_->port();
  options.tls = make_tls("second");
  const auto second = HttpsServer::start(options, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, dxl::ErrorCode::kConnect);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(options.port)));
}

}  // namespace
}  // namespace tiara::net
