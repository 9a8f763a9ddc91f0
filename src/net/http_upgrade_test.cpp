#include "net/http_upgrade.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/test_frames.hpp"

namespace tiara::net {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

TEST(HttpUpgrade, AnswersEachClientsRequestAsItExpects) {
  const struct {
    const char* client;
    std::string request;
    std::string subprotocol;
  } cases[] = {
      {"Python",
       "GET /mqtt HTTP/1.1\r\nHost: broker:443\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
       "Sec-Websocket-Protocol: mqtt\r\nSec-Websocket-Version: 13\r\n"
       "Origin: https://broker:443\r\nSec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
       "mqtt"},
      {"Java",
       "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n"
       "Sec-WebSocket-Version: 13\r\n\r\n",
       "mqtt"},
      {"JavaScript",
       "GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n"
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: Upgrade\r\n"
       "Upgrade: websocket\r\n"
       "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
       "Sec-WebSocket-Protocol: mqttv3.1\r\nHost: broker:443\r\n\r\n",
       "mqttv3.1"},
      {"a browser",
       "GET /mqtt?x=/y HTTP/1.1\r\nhost: broker:443\r\nconnection: keep-alive, upgrade\r\n"
       "upgrade: WebSocket\r\norigin: null\r\nsec-websocket-version: 13\r\n"
       "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 0\r\n"
       "sec-websocket-protocol: amqp, mqttv3.1\r\nsec-websocket-protocol: mqtt\r\n\r\n",
       "mqttv3.1"},
      {"no subprotocol", sample_request("/", ""), ""},
  };
  for (const auto& each : cases) {
    const UpgradeAnswer answer = answer_upgrade(each.request);
    EXPECT_FALSE(answer.refusal) << each.client << ": " << answer.refusal->message;
    const std::string header =
        each.subprotocol.empty() ? "" : "Sec-WebSocket-Protocol: " + each.subprotocol + "\r\n";
    EXPECT_EQ(answer.http, sample_response(header)) << each.client;
  }
}

TEST(HttpUpgrade, RefusesWithAStatusAndAReason) {
  const std::string good = sample_request();
  const struct {
    std::string request;
    std::string status;
    std::string reason;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: broker\r\nAccept: text/html\r\n\r\n", "426 Upgrade Required",
       "this port speaks MQTT over WebSockets, for OpenDXL clients; there is nothing here for a "
       "web "
       "browser"},
      {replaced(good, "Upgrade: websocket", "Upgrade: h2c"), "426 Upgrade Required",
       "this port speaks MQTT over WebSockets, for OpenDXL clients; there is nothing here for a "
       "web "
       "browser"},
      {replaced(good, "GET", "POST"), "405 Method Not Allowed",
       "method \"POST\", only GET is answered here"},
      {replaced(good, "HTTP/1.1", "HTTP/1.0"), "400 Bad Request", "HTTP/1.1 is needed"},
      {sample_request("/other"), "404 Not Found", "no path \"/other\", use / or /mqtt"},
      {sample_request("/" + std::string(100, 'x')), "404 Not Found",
       "no path \"/" + std::string(63, 'x') + "\"..., use / or /mqtt"},
      {replaced(good, "Connection: Upgrade", "Connection: close"), "400 Bad Request",
       "the header \"Connection: Upgrade\" is missing"},
      {replaced(good, "Host", "Content-Length: 5\r\nHost"), "400 Bad Request",
       "an upgrade request with a body"},
      {replaced(good, "Host", "Transfer-Encoding: chunked\r\nHost"), "400 Bad Request",
       "an upgrade request with a body"},
      {replaced(good, "Version: 13", "Version: 8"), "426 Upgrade Required",
       "Sec-WebSocket-Version \"8\", only 13 is spoken here"},
      {replaced(good, "Sec-WebSocket-Version: 13\r\n", ""), "426 Upgrade Required",
       "Sec-WebSocket-Version \"\", only 13 is spoken here"},
      {replaced(good, "Sec-WebSocket-Key", "X-Key"), "400 Bad Request",
       "Sec-WebSocket-Key is not 16 bytes in base64, once"},
      {replaced(good, "dGhl", "dGh"), "400 Bad Request",
       "Sec-WebSocket-Key is not 16 bytes in base64, once"},
      {replaced(good, "dGhl", "dG!l"), "400 Bad Request",
       "Sec-WebSocket-Key is not 16 bytes in base64, once"},
      {replaced(good, "Host", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost"),
       "400 Bad Request", "Sec-WebSocket-Key is not 16 bytes in base64, once"},
      {sample_request("/", "Sec-WebSocket-Protocol: MQTT, amqp\r\n"), "400 Bad Request",
       "subprotocols \"MQTT, amqp\", mqtt and mqttv3.1 are known"},
      {replaced(good, "Host: broker:443", "Host broker"), "400 Bad Request",
       "not a request in HTTP: bad field"},
      {replaced(good, "HTTP/1.1", "HTTP/x"), "400 Bad Request",
       "not a request in HTTP: bad version"},
      {replaced(good, "Host", "Content-Length: 1\r\nContent-Length: 2\r\nHost"), "400 Bad Request",
       "not a request in HTTP: bad Content-Length"},
      {good.substr(0, good.size() - 2), "400 Bad Request",
       "not a request in HTTP: it is incomplete"},
  };
  for (const auto& each : cases) {
    const UpgradeAnswer answer = answer_upgrade(each.request);
    ASSERT_TRUE(answer.refusal) << each.request;
    EXPECT_EQ(answer.refusal->code, dxl::ErrorCode::kMalformed);
    EXPECT_EQ(answer.refusal->message,
              "WebSocket upgrade refused (" + each.status.substr(0, 3) + "): " + each.reason);
    EXPECT_THAT(answer.http, StartsWith("HTTP/1.1 " + each.status + "\r\n"));
    const std::string body = each.reason + "\n";
    EXPECT_THAT(answer.http, HasSubstr("\r\nContent-Length: " + std::to_string(body.size()) +
                                       "\r\n\r\n" + body));
    EXPECT_TRUE(answer.http.ends_with("\r\n\r\n" + body)) << answer.http;
  }
}

TEST(HttpUpgrade, TellsWhichVersionToUpgradeTo) {
  EXPECT_EQ(answer_upgrade("GET / HTTP/1.1\r\n\r\n").http,
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 100\r\n\r\n"
            "this port speaks MQTT over WebSockets, for OpenDXL clients; there is nothing here for "
            "a web browser\n");
}

TEST(HttpUpgrade, NamesTheLimitOfALongRequest) {
  const UpgradeAnswer answer = answer_too_large();
  EXPECT_THAT(answer.http, StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  EXPECT_EQ(answer.refusal->code, dxl::ErrorCode::kLimitExceeded);
  EXPECT_EQ(answer.refusal->message,
            "WebSocket upgrade refused (431): a request head above 8192 bytes");
}

TEST(HttpUpgrade, QuotesNothingThatCouldHarmALog) {
  const UpgradeAnswer answer = answer_upgrade(sample_request("/a\"\x80\xffz"));
  ASSERT_TRUE(answer.refusal);
  for (const char c : answer.refusal->message) EXPECT_TRUE(c >= ' ' && c <= '~');
}

TEST(HttpUpgrade, SurvivesEveryPrefixAndEveryChangedByte) {
  const std::string good = sample_request();
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_TRUE(answer_upgrade(good.substr(0, i)).refusal) << i;
    for (int value = 0; value < 256; ++value) {
      std::string changed = good;
      changed[i] = static_cast<char>(value);
      EXPECT_TRUE(answer_upgrade(changed).http.starts_with("HTTP/1.1 "));
    }
  }
}

TEST(HttpUpgrade, FindsTheEndOfAHead) {
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\n\r\nrest"), 18U);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\n\r"), std::nullopt);
}

TEST(HttpUpgrade, AsksInAWayThatIsAnswered) {
  const std::string key = make_upgrade_key();
  EXPECT_NE(key, make_upgrade_key());
  const std::string request = make_upgrade_request("broker:443", "/mqtt", key);
  const UpgradeAnswer answer = answer_upgrade(request);
  EXPECT_FALSE(answer.refusal) << request;
  EXPECT_TRUE(check_upgrade_response(answer.http, key));
}

TEST(HttpUpgrade, ChecksTheBrokersResponse) {
  const std::string good = sample_response();
  EXPECT_TRUE(check_upgrade_response(good, kSampleKey));
  EXPECT_TRUE(check_upgrade_response(sample_response(""), kSampleKey));
  const struct {
    std::string response;
    dxl::ErrorCode code;
    std::string message;
  } cases[] = {
      {answer_upgrade(sample_request("/other")).http, dxl::ErrorCode::kConnect,
       "the broker refused the WebSocket upgrade: HTTP 404 \"Not Found\""},
      {replaced(good, "Upgrade: websocket", "Upgrade: other"), dxl::ErrorCode::kMalformed,
       "WebSocket upgrade: the broker's answer does not upgrade to websocket"},
      {replaced(good, "s3p", "S3p"), dxl::ErrorCode::kMalformed,
       "WebSocket upgrade: the broker's answer is not to our request (Sec-WebSocket-Accept)"},
      {sample_response("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
       dxl::ErrorCode::kMalformed,
       "WebSocket upgrade: the broker wants an extension that was not asked for"},
      {sample_response("Sec-WebSocket-Protocol: amqp\r\n"), dxl::ErrorCode::kMalformed,
       "WebSocket upgrade: the broker chose the subprotocol \"amqp\", not mqtt"},
      {"SSH-2.0\r\n\r\n", dxl::ErrorCode::kMalformed,
       "WebSocket upgrade: the broker's answer is not HTTP: bad version"},
  };
  for (const auto& each : cases) {
    const auto checked = check_upgrade_response(each.response, kSampleKey);
    ASSERT_FALSE(checked) << each.response;
    EXPECT_EQ(checked.error().code, each.code);
    EXPECT_EQ(checked.error().message, each.message);
  }
}

}  // namespace
}  // namespace tiara::net
