#include "https/https_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "net/https_server.hpp"
#include "net/test_certificates.hpp"

namespace tiara::https {
namespace {

using namespace net;  // the server
using dxl::ErrorCode;
using testing::HasSubstr;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The server's certificates of tests carry no host name: verified, it is refused for that.
class HttpsClientTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto files = ca_.issue("server");
    auto tls = TlsContext::make_https_server(files.certificate, files.private_key);
    ASSERT_TRUE(tls) << tls.error().message;
    HttpsOptions options;
    options.listen_addresses = {"127.0.0.1"};
    options.port = 0;
    options.tls = *std::move(tls);
    auto started = HttpsServer::start(std::move(options), [](const HttpRequest& request) {
      if (request.path == "/large") return HttpResponse{.body = std::string(2 << 20, 'x')};
      if (request.path == "/refused") return refuse_request(401, "not you");
      return HttpResponse{.body = request.path + "|" + request.query + "|" + request.host + "|" +
                                  request.authorization};
    });
    ASSERT_TRUE(started) << started.error().message;
    server_ = *std::move(started);
  }
  HttpsClientOptions options() const {
    HttpsClientOptions options;
    options.host = "127.0.0.1";
    options.port = server_->port();
    options.verify = false;
    options.user = "joe";
    options.password = "a:b";
    return options;
  }
  static dxl::Result<HttpsAnswer> get(const HttpsClientOptions& options, const std::string& path) {
    auto client = HttpsClient::make(options);
    if (!client) return dxl::fail(client.error());
    return (*client)->get(path, {{"a b", "c&d+\n"}, {":output", "json"}});
  }

  TestCa ca_{"authority"};
  std::unique_ptr<HttpsServer> server_;
};

TEST_F(HttpsClientTest, EncodesParametersAndSendsCredentialsUnasked) {
  const auto answer = get(options(), "/remote/x");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "/remote/x|a%20b=c%26d%2B%0A&%3Aoutput=json|127.0.0.1:" +
                              std::to_string(server_->port()) + "|Basic am9lOmE6Yg==");
}

TEST_F(HttpsClientTest, AnyStatusIsAnAnswerWithItsReason) {
  const auto answer = get(options(), "/refused");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->reason, "not you");
}

TEST_F(HttpsClientTest, AnAnswerThatIsTooLargeIsAnError) {
  const auto answer = get(options(), "/large");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kLimitExceeded);
  EXPECT_THAT(answer.error().message, HasSubstr("up to 1024 KiB are taken"));
}

TEST_F(HttpsClientTest, VerifiesAuthorityAndName) {
  HttpsClientOptions strict = options();
  strict.verify = true;
  strict.trusted_pem = text_of(TestCa("another authority").ca_file());
  const auto unknown = get(strict, "/");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kTls);
  strict.trusted_pem = text_of(ca_.ca_file());
  const auto unnamed = get(strict, "/");
  ASSERT_FALSE(unnamed);
  EXPECT_EQ(unnamed.error().code, ErrorCode::kTls);
  EXPECT_THAT(unnamed.error().message, HasSubstr("127.0.0.1"));
}

TEST_F(HttpsClientTest, ARefusedConnectionAndABadHostAreTold) {
  HttpsClientOptions closed = options();
  server_.reset();
  const auto answer = get(closed, "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kConnect);
  closed.host = "a b";
  EXPECT_EQ(get(closed, "/").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tiara::https
