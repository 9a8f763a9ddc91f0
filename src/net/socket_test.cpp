#include "net/socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace tiara::net {
namespace {

TEST(Socket, TellsThatThePeerHasLeftWhileItsLastWordsAreUnread) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  EXPECT_FALSE(peer_has_left(ends[0]));
  EXPECT_EQ(send(ends[1], "last").status, IoResult::Status::kDone);
  EXPECT_FALSE(peer_has_left(ends[0]));
  ::close(ends[1]);
  EXPECT_TRUE(peer_has_left(ends[0]));
  char bytes[8];
  EXPECT_EQ(receive(ends[0], bytes, sizeof bytes).bytes, 4U);
  ::close(ends[0]);
}

}  // namespace
}  // namespace tiara::net
