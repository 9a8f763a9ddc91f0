#include "net/http_message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tiara::net {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::size_t kTarget = 100;

ParsedRequest parse(const std::string& head) { return parse_request(head, kTarget); }

int refusal(const std::string& head) {
  const auto parsed = parse(head);
  return parsed.refusal ? parsed.refusal->status : 0;
}

TEST(HttpMessage, ReadsARequest) {
  const auto parsed = parse(
      "GET /remote/a.b?x=1&y=%20 HTTP/1.1\r\nhost: broker:8443\r\nAUTHORIZATION: Basic YQ==\r\n"
      "Cookie: name=\"a b\"; expires=Thu, 01 Jan 2026 00:00:00 GMT; Path=/\r\n\r\n");
  ASSERT_FALSE(parsed.refusal) << parsed.refusal->reason;
  HttpRequest expected;
  expected.method = "GET";
  expected.path = "/remote/a.b";
  expected.query = "x=1&y=%20";
  expected.host = "broker:8443";
  expected.authorization = "Basic YQ==";
  EXPECT_EQ(parsed.request, expected);
  EXPECT_TRUE(parsed.keep_alive);
}

TEST(HttpMessage, KnowsWhetherTheConnectionGoesOn) {
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").refusal);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(HttpMessage, AnAbsoluteTargetNamesTheHost) {
  const auto parsed = parse("GET https://other:1/p?q HTTP/1.1\r\nHost: broker\r\n\r\n");
  EXPECT_EQ(parsed.request.host, "other:1");
  EXPECT_EQ(parsed.request.path, "/p");
  EXPECT_EQ(parsed.request.query, "q");
  EXPECT_EQ(parse("GET http://other HTTP/1.1\r\nHost: broker\r\n\r\n").request.path, "/");
}

TEST(HttpMessage, RefusesWhatItDoesNotServe) {
  const std::string host = "Host: a\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X: a\r\n\tb\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\n", 405},
      {"DELETE / HTTP/1.1\r\n" + host + "\r\n", 405},
      {"BREW / HTTP/1.1\r\n" + host + "\r\n", 405},
      {"GET / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\n", 413},
      {"GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n", 413},
      {"GET / HTTP/1.1\r\n" + host + "Content-Length: 99999999999\r\n\r\n", 413},
      {"GET / HTTP/1.1\r\n" + host + "Content-Length: five\r\n\r\n", 400},
      {"GET /" + std::string(kTarget, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
      {"GET * HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET broker:80 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET https:///p HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 400},
      {"GET / FTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n folded: a\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\nbad name: a\r\n" + host + "\r\n", 400},
      {std::string("GET /\0 HTTP/1.1\r\n", 17) + host + "\r\n", 400},
      {"\r\n\r\n", 400},
      {"\x16\x03\x01 hello\r\n\r\n", 400},
  };
  for (const auto& [head, status] : cases) EXPECT_EQ(refusal(head), status) << head;
}

TEST(HttpMessage, EveryTruncationIsRefused) {
  const std::string head = "GET /p?q HTTP/1.1\r\nHost: broker\r\nAuthorization: Basic YQ==\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size)
    EXPECT_TRUE(parse(head.substr(0, size)).refusal) << size;
}

TEST(HttpMessage, EverySingleByteChangeReturns) {
  const std::string head = "GET /p?q HTTP/1.1\r\nHost: broker\r\nContent-Length: 0\r\n\r\n";
  for (std::size_t at = 0; at < head.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      std::string changed = head;
      changed[at] = static_cast<char>(value);
      const auto parsed = parse(changed);
      EXPECT_TRUE(parsed.refusal || parsed.request.path.starts_with("/")) << changed;
    }
}

TEST(HttpMessage, WritesAResponse) {
  HttpResponse response;
  response.headers = {{"Retry-After", "3"}};
  response.body = "hello";
  const std::string text = to_http(response, true, true);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 5\r\nDate: "));
  EXPECT_THAT(text, EndsWith(" GMT\r\nRetry-After: 3\r\nConnection: keep-alive\r\n\r\nhello"));
  const std::string head_only = to_http(response, false, false);
  EXPECT_THAT(head_only, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(head_only, EndsWith("\r\nConnection: close\r\n\r\n"));
}

TEST(HttpMessage, TextOfAPeerCannotAddHeaders) {
  HttpResponse response = refuse_request(400, "no \"a\r\nSet-Cookie: b\"\x7f");
  response.headers = {{"X", "a\r\nEvil: b"}};
  const std::string text = to_http(response, false, true);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 400 no \"a  Set-Cookie: b\" \r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nX: a  Evil: b\r\n"));
  EXPECT_THAT(text.substr(0, text.find("\r\n\r\n")), Not(HasSubstr("\r\nEvil")));
}

std::string value(std::string_view query, std::string_view name) {
  const auto found = find_parameter(query, name);
  if (!found) return "error: " + found.error().message;
  return *found ? **found : "absent";
}

TEST(HttpMessage, DecodesTheParametersOfBothClients) {
  EXPECT_EQ(value("csrString=a+b%0A%2B%2f&%3Aoutput=json", "csrString"), "a b\n+/");
  EXPECT_EQ(value("csrString=a%20b&%3Aoutput=json", "csrString"), "a b");
  EXPECT_EQ(value("csrString=a&%3Aoutput=json", ":output"), "json");
  EXPECT_EQ(value(":output=json", ":output"), "json");
  EXPECT_EQ(value("a=b=c&&d&=e", "a"), "b=c");
  EXPECT_EQ(value("a=b&d", "d"), "");
  EXPECT_EQ(value("a=b", "c"), "absent");
  EXPECT_EQ(value("", "c"), "absent");
}

TEST(HttpMessage, RefusesBrokenAndRepeatedParameters) {
  for (const char* query : {"a=%", "a=%4", "a=%4x", "b=%zz&a=1", "%=1&a=1"})
    EXPECT_THAT(value(query, "a"), HasSubstr("hexadecimal")) << query;
  EXPECT_THAT(value("a=1&%61=2", "a"), HasSubstr("twice"));
}

}  // namespace
}  // namespace tiara::net
