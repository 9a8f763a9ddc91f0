#include "net/http_connect.hpp"

#include <gtest/gtest.h>

namespace tiara::net {
namespace {

TEST(HttpConnect, NamesTheTargetAsItIs) {
  EXPECT_EQ(*make_connect_request({"proxy", 3128}, "broker.example", 8883),
            "CONNECT broker.example:8883 HTTP/1.1\r\nHost: broker.example:8883\r\n\r\n");
  EXPECT_EQ(*make_connect_request({"proxy", 3128}, "::1", 443),
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
}

TEST(HttpConnect, SaysWhoWeAre) {
  const auto request = make_connect_request({"proxy", 3128, "Aladdin", "open sesame"}, "b", 1);
  EXPECT_NE(request->find("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
            std::string::npos);
}

TEST(HttpConnect, WhatWouldForgeARequestIsRefused) {
  for (const char* host : {"", "a b", "a\r\nX: y", "a/b", "a@b"}) {
    EXPECT_FALSE(make_connect_request({"proxy", 1}, host, 1)) << host;
  }
  EXPECT_FALSE(make_connect_request({"proxy", 1, "a:b", "c"}, "host", 1));
  const auto refused = make_connect_request({"proxy", 1, "a", "sec\nret"}, "host", 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.find("ret"), refused.error().message.npos);
}

TEST(HttpConnect, Any2xxOpensTheTunnel) {
  EXPECT_TRUE(check_connect_response("HTTP/1.1 200 Connection established\r\n\r\n"));
  EXPECT_TRUE(check_connect_response("HTTP/1.0 200\r\nVia: x\r\n\r\n"));
}

TEST(HttpConnect, RefusalsAreToldInWords) {
  struct Case {
    const char* head;
    dxl::ErrorCode code;
  };
  for (const Case& each : {
           Case{"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                dxl::ErrorCode::kNotAuthorised},
           Case{"HTTP/1.1 403 Forbidden\r\n\r\n", dxl::ErrorCode::kNotAuthorised},
           Case{"HTTP/1.1 502 Bad Gateway\r\n\r\n", dxl::ErrorCode::kConnect},
           Case{"HTTP/1.1 100 Continue\r\n\r\n", dxl::ErrorCode::kConnect},
           Case{"HTTP/2 200 OK\r\n\r\n", dxl::ErrorCode::kMalformed},
           Case{"HTTP/1.1 20x OK\r\n\r\n", dxl::ErrorCode::kMalformed},
           Case{"HTTP/1.1 2000 OK\r\n\r\n", dxl::ErrorCode::kMalformed},
           Case{"HTTP/1.1 \r\n\r\n", dxl::ErrorCode::kMalformed},
           Case{"SSH-2.0-x\r\n\r\n", dxl::ErrorCode::kMalformed},
           Case{"\r\n\r\n", dxl::ErrorCode::kMalformed},
       }) {
    const auto checked = check_connect_response(each.head);
    ASSERT_FALSE(checked) << each.head;
    EXPECT_EQ(checked.error().code, each.code) << each.head;
  }
  const auto odd = check_connect_response("HTTP/1.1 500 a\tb\x1b[31m\r\n\r\n");
  EXPECT_EQ(odd.error().message, "the proxy refused the connection: HTTP 500 a?b?[31m");
}

}  // namespace
}  // namespace tiara::net
