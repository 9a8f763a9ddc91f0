#include "broker/control.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <thread>

#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

using std::chrono::milliseconds;

dxl::Result<std::string> echo(const std::string& command) {
  if (command == "fail") return dxl::fail(dxl::ErrorCode::kConfiguration, "line 3: \"quoted\"\n");
  if (command == "throw") throw std::runtime_error("thrown");
  if (command == "text") return std::string("no JSON");
  return "{\"command\":\"" + command + "\"}";
}

class Control : public testing::Test {
 protected:
  void start() {
    auto server = ControlServer::start(socket_, echo);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  // A caller that has connected and says nothing more than `text`.
  int connect_raw(const std::string& text) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, socket_.c_str());
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(::send(descriptor, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return descriptor;
  }

  TemporaryDirectory directory_;
  std::filesystem::path socket_ = directory_.path() / "control.sock";
  std::unique_ptr<ControlServer> server_;
};

TEST_F(Control, AnswersOneCommandPerConnection) {
  start();
  EXPECT_EQ(mode_of(socket_), 0600u);
  EXPECT_EQ(*control(socket_, "reload"), "{\"command\":\"reload\"}");
  EXPECT_EQ(*control(socket_, "status"), "{\"command\":\"status\"}");
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(Control, CarriesErrorsWithTheirCode) {
  start();
  const auto failed = control(socket_, "fail");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, dxl::ErrorCode::kConfiguration);
  EXPECT_EQ(failed.error().message, "line 3: \"quoted\"\n");
  const auto thrown = control(socket_, "throw");
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().message, "thrown");
  const auto text = control(socket_, "text");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, dxl::ErrorCode::kMalformed);
}

TEST_F(Control, SaysWhenNobodyListens) {
  const auto missing = control(socket_, "status");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, dxl::ErrorCode::kConnect);
  start();
  // A socket whose owner died: the name is there, nobody accepts.
  const auto copy = directory_.path() / "copy.sock";
  std::filesystem::rename(socket_, copy);
  server_.reset();
  const auto dead = control(copy, "status");
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().code, dxl::ErrorCode::kConnect);
  socket_ = copy;
  start();  // takes the stale name over
  EXPECT_TRUE(control(socket_, "status"));
}

TEST_F(Control, WorksBelowAPathThatIsTooLongForASocketAddress) {
  std::filesystem::path deep = directory_.path();
  for (int i = 0; i < 4; ++i) deep /= std::string(60, 'd');
  socket_ = deep / "run" / "control.sock";
  const auto missing = control(socket_, "status");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, dxl::ErrorCode::kConnect);
  std::filesystem::create_directories(socket_.parent_path());
  start();
  EXPECT_EQ(*control(socket_, "status"), "{\"command\":\"status\"}");
}

TEST_F(Control, RefusesALineWithoutEnd) {
  start();
  const auto refused = control(socket_, std::string(100'000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(control(socket_, "status"));
}

TEST_F(Control, ServesOnAfterACallerThatHangsUp) {
  start();
  ::close(connect_raw("stat"));
  ::close(connect_raw("status\n"));
  EXPECT_TRUE(control(socket_, "status"));
}

TEST_F(Control, StopsWhileACallerStalls) {
  start();
  const int stalled = connect_raw("stat");
  server_.reset();
  char byte = 0;
  EXPECT_LE(::recv(stalled, &byte, 1, 0), 0);
  ::close(stalled);
}

TEST_F(Control, ACallerGivesUpAtItsDeadline) {
  start();
  const int stalled = connect_raw("stat");  // is served first
  const auto late = control(socket_, "status", milliseconds(20));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, dxl::ErrorCode::kTimedOut);
  ::close(stalled);
}

}  // namespace
}  // namespace tiara::broker
