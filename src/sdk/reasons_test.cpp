#include "sdk/reasons.hpp"

#include <gtest/gtest.h>

namespace tiara::sdk {
namespace {

TEST(Reasons, ACommonReasonIsSaidOnce) {
  Reasons reasons;
  EXPECT_EQ(reasons.text(), "");
  reasons.add("[::1]:1", "revoked");
  EXPECT_EQ(reasons.text(), "[::1]:1: revoked");
  reasons.add("127.0.0.1:1", "revoked");
  reasons.add("127.0.0.1:1", "revoked");
  reasons.add("", "cannot connect to c:2: refused");
  reasons.add("", "cannot connect to c:2: refused");
  reasons.add("d:3", "expired");
  EXPECT_EQ(reasons.text(),
            "[::1]:1, 127.0.0.1:1: revoked; cannot connect to c:2: refused; d:3: expired");
  reasons.clear();
  EXPECT_EQ(reasons.text(), "");
}

}  // namespace
}  // namespace tiara::sdk
