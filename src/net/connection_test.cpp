// The rules of a turn, on a stream that does what the test says.
#include "net/connection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "net/loop.hpp"

namespace tiara::net {
namespace {

using Status = IoResult::Status;

// What the stream was asked to do and what it will answer. Outlives the connection.
struct Script {
  std::deque<std::string> input;  // one read each; then would-block
  bool end_after_input = false;
  bool peer_has_left = false;
  std::size_t room = static_cast<std::size_t>(-1);  // bytes writes will take
  std::vector<std::string> writes;
  int write_calls = 0;
  std::size_t largest_read = 0;
  bool closed = false;
  std::size_t held = 0;
  bool handshake_blocks = false;
  std::function<void()> on_readable, on_writable;
};

class ScriptedStream final : public Stream {
 public:
  explicit ScriptedStream(Script& script) : script_(script) {}
  IoResult handshake() override {
    return {script_.handshake_blocks ? Status::kWouldBlock : Status::kDone, 0, {}};
  }
  IoResult read(char* into, std::size_t capacity) override {
    script_.largest_read = std::max(script_.largest_read, capacity);
    if (script_.input.empty()) {
      return {script_.end_after_input ? Status::kEnd : Status::kWouldBlock, 0, {}};
    }
    std::string& next = script_.input.front();
    const std::size_t count = std::min(capacity, next.size());
    std::copy_n(next.data(), count, into);
    next.erase(0, count);
    if (next.empty()) script_.input.pop_front();
    return {Status::kDone, count, {}};
  }
  IoResult write(std::string_view bytes) override {
    ++script_.write_calls;
    const std::size_t count = std::min(bytes.size(), script_.room);
    if (count == 0) return {Status::kWouldBlock, 0, {}};
    script_.room -= count;
    script_.writes.emplace_back(bytes.substr(0, count));
    return {Status::kDone, count, {}};
  }
  bool wants_write() const override { return false; }
  bool has_buffered_input() const override { return false; }
  bool peer_has_left() const override { return script_.peer_has_left; }
  void wait_readable(std::function<void()> ready) override { script_.on_readable = ready; }
  void wait_writable(std::function<void()> ready) override { script_.on_writable = ready; }
  void move_to(Loop&) override {}
  std::size_t held_bytes() const override { return script_.held; }
  void close() override {
    script_.closed = true;
    script_.on_readable = script_.on_writable = nullptr;
  }
  const std::vector<PeerCertificate>& peer_chain() const override { return chain_; }
  std::string peer_name() const override { return "scripted"; }

 private:
  Script& script_;
  std::vector<PeerCertificate> chain_;
};

struct Handler final : ConnectionHandler {
  void on_open(Connection& connection) override {
    opened = true;
    if (at_open) at_open(connection);
  }
  std::size_t on_bytes(Connection& connection, std::string_view bytes) override {
    seen.emplace_back(bytes);
    return at_bytes ? at_bytes(connection, bytes) : bytes.size();
  }
  void on_closed(Connection&, const dxl::Error& why) override {
    reasons.push_back(why.message);
    if (at_closed) at_closed();
  }

  bool opened = false;
  std::vector<std::string> seen, reasons;
  std::function<void(Connection&)> at_open;
  std::function<void()> at_closed;
  std::function<std::size_t(Connection&, std::string_view)> at_bytes;
};

class ConnectionTest : public testing::Test {
 protected:
  void start(const ConnectionLimits& limits = {}) {
    connection = Connection::start(loop, std::make_unique<ScriptedStream>(script), handler, limits);
  }
  // Turns until nothing is posted any more: stop() still runs what was posted before.
  void turns(int count = 4) {
    for (int i = 0; i < count; ++i) {
      loop.stop();
      loop.run();
    }
  }
  void make_readable() {
    ASSERT_TRUE(script.on_readable) << "the connection does not read";
    loop.post(std::exchange(script.on_readable, nullptr));
    turns();
  }
  void make_writable() {
    ASSERT_TRUE(script.on_writable) << "the connection does not wait to write";
    loop.post(std::exchange(script.on_writable, nullptr));
    turns();
  }

  Script script;
  Handler handler;
  Loop loop;
  std::shared_ptr<Connection> connection;
};

TEST_F(ConnectionTest, WritesOncePerTurnHoweverMuchWasAppended) {
  start();
  turns();
  ASSERT_TRUE(handler.opened);
  std::string expected;
  loop.post([&] {
    for (int i = 0; i < 500; ++i) {
      connection->output() += "packet ";
      expected += "packet ";
      connection->flush_later();
    }
  });
  loop.post([&] {
    connection->output() += "last";
    expected += "last";
    connection->flush_later();
  });
  turns();
  EXPECT_EQ(script.writes, std::vector<std::string>{expected});
  EXPECT_EQ(script.write_calls, 1);
  EXPECT_EQ(connection->bytes_out(), expected.size());
}

TEST_F(ConnectionTest, AnswersOfOneTurnsInputLeaveInOneWrite) {
  script.input = {"abc"};
  handler.at_bytes = [](Connection& c, std::string_view bytes) {
    for (const char byte : bytes) {
      c.output() += byte;
      c.flush_later();
    }
    return bytes.size();
  };
  start();
  turns();
  make_readable();
  EXPECT_EQ(script.writes, std::vector<std::string>{"abc"});
}

TEST_F(ConnectionTest, KeepsTheUnconsumedTailAndBringsItAgain) {
  script.input = {"one tw", "o thr", "ee "};
  handler.at_bytes = [](Connection&, std::string_view bytes) { return bytes.rfind(' ') + 1; };
  start();
  turns();
  for (int i = 0; i < 3; ++i) make_readable();
  EXPECT_EQ(handler.seen, (std::vector<std::string>{"one tw", "two thr", "three "}));
  EXPECT_EQ(connection->bytes_in(), 14U);
}

TEST_F(ConnectionTest, CollectsAMessageLargerThanAllBuffers) {
  const std::string message(1'000'000, 'm');
  script.input = {message + "x"};
  handler.at_bytes = [&](Connection&, std::string_view bytes) {
    return bytes.size() < message.size() ? 0 : message.size();
  };
  ConnectionLimits limits;
  limits.read_per_turn = 48 * 1024;
  start(limits);
  turns();
  ASSERT_TRUE(script.on_readable);
  loop.post(std::exchange(script.on_readable, nullptr));
  turns(40);
  script.input = {"y"};
  make_readable();
  EXPECT_EQ(handler.seen.back(), "xy");
  EXPECT_EQ(script.largest_read, limits.read_per_turn);
}

TEST_F(ConnectionTest, ReadsABoundedAmountPerTurn) {
  script.input = {std::string(250, 'a')};
  ConnectionLimits limits;
  limits.read_per_turn = 100;
  start(limits);
  turns();
  std::vector<std::size_t> seen_before_task;
  // Others get their turn between the reads.
  std::function<void()> other = [&] {
    seen_before_task.push_back(handler.seen.size());
    if (seen_before_task.size() < 4) loop.post(other);
  };
  loop.post(std::exchange(script.on_readable, nullptr));
  loop.post(other);
  turns(6);
  EXPECT_EQ(seen_before_task, (std::vector<std::size_t>{1, 1, 2, 3}));
}

TEST_F(ConnectionTest, StopsReadingAboveTheHighWaterMarkUntilThePeerReads) {
  script.room = 10;
  script.input = {"a", "b"};
  handler.at_bytes = [](Connection& c, std::string_view bytes) {
    c.output().append(100, 'o');
    c.flush_later();
    return bytes.size();
  };
  ConnectionLimits limits;
  limits.output_high_water = 50;
  start(limits);
  turns();
  make_readable();
  EXPECT_EQ(connection->unsent_bytes(), 90U);
  EXPECT_FALSE(script.on_readable) << "reads although the peer does not";

  script.room = 30;  // still above
  make_writable();
  EXPECT_EQ(connection->unsent_bytes(), 60U);
  EXPECT_FALSE(script.on_readable);

  script.room = 1000;
  make_writable();
  EXPECT_EQ(connection->unsent_bytes(), 0U);
  make_readable();
  EXPECT_EQ(handler.seen, (std::vector<std::string>{"a", "b"}));
}

TEST_F(ConnectionTest, WaitsOnceForWritabilityAndDoesNotTryBefore) {
  script.room = 0;
  start();
  turns();
  for (int i = 0; i < 3; ++i) {
    loop.post([&] {
      connection->output() += "x";
      connection->flush_later();
    });
    turns();
  }
  EXPECT_EQ(script.write_calls, 1);
  script.room = 100;
  make_writable();
  EXPECT_EQ(script.writes, std::vector<std::string>{"xxx"});
}

TEST_F(ConnectionTest, TellsWhenTheOutputLimitIsPassed) {
  script.room = 0;
  ConnectionLimits limits;
  limits.output_limit = 10;
  start(limits);
  turns();
  connection->output() += "0123456789";
  EXPECT_FALSE(connection->above_limit());
  connection->output() += "x";
  EXPECT_TRUE(connection->above_limit());
}

TEST_F(ConnectionTest, HearsTheLastWordsOfAQuietPeerThatHasLeft) {
  script.input = {"last words"};
  script.end_after_input = script.peer_has_left = true;
  ConnectionLimits limits;
  limits.quiet = std::chrono::milliseconds(0);
  start(limits);
  turns();
  make_readable();
  EXPECT_EQ(handler.seen, std::vector<std::string>{"last words"});
  make_readable();
  EXPECT_EQ(handler.reasons, std::vector<std::string>{"the peer closed the connection"});
}

TEST_F(ConnectionTest, EndsACrowdOfQuietPeersAFewAtATime) {
  constexpr std::size_t kPeers = 12;
  std::vector<Script> scripts(kPeers);
  std::vector<std::shared_ptr<Connection>> crowd;
  ConnectionLimits limits;
  limits.quiet = std::chrono::milliseconds(0);
  for (Script& each : scripts) {
    each.end_after_input = each.peer_has_left = true;
    crowd.push_back(
        Connection::start(loop, std::make_unique<ScriptedStream>(each), handler, limits));
  }
  handler.at_closed = [] {  // longer than one turn's share
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(300);
    while (std::chrono::steady_clock::now() < end) {
    }
  };
  turns();
  for (Script& each : scripts) loop.post(std::exchange(each.on_readable, nullptr));
  loop.stop();
  loop.run();
  EXPECT_LE(handler.reasons.size(), 2U);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (handler.reasons.size() < kPeers && std::chrono::steady_clock::now() < end) turns(1);
  EXPECT_EQ(handler.reasons.size(), kPeers);
}

TEST_F(ConnectionTest, CloseFlushesThenClosesThenTells) {
  start();
  turns();
  std::size_t told_in_same_turn = 99;
  loop.post([&] {
    connection->output() += "last words";
    connection->close({dxl::ErrorCode::kCancelled, "done", 0});
    connection->close({dxl::ErrorCode::kCancelled, "twice", 0});
    told_in_same_turn = handler.reasons.size();
  });
  turns();
  EXPECT_EQ(told_in_same_turn, 0U);
  EXPECT_EQ(script.writes, std::vector<std::string>{"last words"});
  EXPECT_TRUE(script.closed);
  EXPECT_TRUE(connection->closing());
  EXPECT_EQ(handler.reasons, std::vector<std::string>{"done"});
}

TEST_F(ConnectionTest, CloseDoesNotWaitForAPeerThatDoesNotRead) {
  script.room = 4;
  start();
  turns();
  connection->output() += "last words";
  connection->close({dxl::ErrorCode::kCancelled, "done", 0});
  turns();
  EXPECT_EQ(script.writes, std::vector<std::string>{"last"});
  EXPECT_TRUE(script.closed);
  EXPECT_EQ(handler.reasons, std::vector<std::string>{"done"});
}

TEST_F(ConnectionTest, CloseFromOnBytesEndsTheInput) {
  script.input = {"a", "b"};
  handler.at_bytes = [](Connection& c, std::string_view bytes) {
    c.close({dxl::ErrorCode::kMalformed, "bad", 0});
    return bytes.size();
  };
  start();
  turns();
  make_readable();
  EXPECT_EQ(handler.seen, std::vector<std::string>{"a"});
  EXPECT_EQ(handler.reasons, std::vector<std::string>{"bad"});
}

TEST_F(ConnectionTest, AnswersThePeerThatSendsAndEndsAtOnce) {
  script.input = {"question"};
  script.end_after_input = true;
  handler.at_bytes = [](Connection& c, std::string_view bytes) {
    c.output() += "answer";
    c.flush_later();
    return bytes.size();
  };
  start();
  turns();
  make_readable();
  make_readable();
  EXPECT_EQ(script.writes, std::vector<std::string>{"answer"});
  EXPECT_EQ(handler.reasons, std::vector<std::string>{"the peer closed the connection"});
}

TEST_F(ConnectionTest, AbortThrowsAwayWhatIsUnsent) {
  for (const bool closed_before : {false, true}) {
    script = {};
    handler.reasons.clear();
    start();
    turns();
    loop.post([&] {
      connection->output() += "never sent";
      connection->flush_later();
      if (closed_before) connection->close({dxl::ErrorCode::kCancelled, "gone", 0});
      connection->abort({dxl::ErrorCode::kLimitExceeded, "gone", 0});
      EXPECT_EQ(connection->unsent_bytes(), 0U);
      connection->output() += "nor is this";
      connection->flush_later();
    });
    turns();
    EXPECT_EQ(script.writes, std::vector<std::string>{});
    EXPECT_TRUE(script.closed);
    EXPECT_EQ(handler.reasons, std::vector<std::string>{"gone"});
  }
}

TEST_F(ConnectionTest, SendsABacklogOfManyChunksInOrder) {
  script.room = 0;
  start();
  turns();
  std::string expected;
  for (std::size_t i = 0; i < 30'000; ++i) {
    std::string packet = std::to_string(i) + std::string(i % 97, 'p');
    if (i % 10'000 == 1) packet.append(700'000, 'L');  // larger than a chunk
    expected += packet;
    connection->output() += packet;
    connection->flush_later();
  }
  turns();
  EXPECT_EQ(connection->unsent_bytes(), expected.size());
  EXPECT_LE(connection->held_bytes(), expected.size() + expected.size() / 4);

  std::size_t sent = 0;
  for (std::size_t room = 1; sent < expected.size(); room = room * 3 + 1) {
    script.room = room;
    make_writable();
    sent = std::min(expected.size(), sent + room);
    ASSERT_EQ(connection->unsent_bytes(), expected.size() - sent);
  }
  std::string written;
  for (const std::string& part : script.writes) written += part;
  EXPECT_TRUE(written == expected);
  EXPECT_EQ(connection->bytes_out(), expected.size());
}

TEST_F(ConnectionTest, KeepsNoBufferForWhatWasSent) {
  start();
  turns();
  connection->output().append(500'000, 'x');
  connection->flush_later();
  turns();
  connection->output().append(10'000, 'x');
  connection->flush_later();
  turns();
  EXPECT_EQ(connection->held_bytes(), 0U);
}

TEST_F(ConnectionTest, ASlowPeerDoesNotKeepALargeBufferForALittleOutput) {
  std::string large;
  large.reserve(60'000);
  loop.give_buffer(std::move(large));
  script.room = 0;
  start();
  turns();
  connection->output().append(100, 'x');
  EXPECT_GE(connection->held_bytes(), 60'000U);
  connection->flush_later();
  turns();
  EXPECT_LT(connection->held_bytes(), 5'000U);
}

class Budgeted : public ConnectionTest {
 protected:
  void start_budgeted() {
    ConnectionLimits limits;
    limits.budget = budget;
    start(limits);
    turns();
  }
  std::shared_ptr<BufferBudget> budget = std::make_shared<BufferBudget>();
};

TEST_F(Budgeted, CountsOutputInputAndWhatTheStreamHolds) {
  script.room = 0;
  handler.at_bytes = [](Connection&, std::string_view) { return std::size_t{0}; };
  start_budgeted();
  EXPECT_EQ(budget->used, 0U);

  for (int i = 0; i < 20; ++i) {
    connection->output().append(100'000, 'x');
    connection->flush_later();
  }
  EXPECT_GE(budget->used, 2'000'000U);  // at once, not at the end of the turn
  EXPECT_LE(budget->used, 2'500'000U);
  EXPECT_EQ(budget->used, connection->held_bytes());
  turns();
  script.room = 2'000'000;
  make_writable();
  EXPECT_EQ(budget->used, 0U);

  script.input = {std::string(50'000, 'i')};
  make_readable();
  EXPECT_GE(budget->used, 50'000U);
  script.held = 12'345;
  connection->flush_later();
  turns();
  EXPECT_GE(budget->used, 62'345U);
  EXPECT_EQ(budget->used, connection->held_bytes());
  connection->close({dxl::ErrorCode::kCancelled, "done", 0});
  turns();
  EXPECT_EQ(budget->used, 0U);
}

TEST_F(Budgeted, GivesAllBackWhenAbortedOrDropped) {
  for (const bool aborted : {true, false}) {
    script = {};
    script.room = 0;
    start_budgeted();
    connection->output().append(1'000'000, 'x');
    connection->flush_later();
    turns();
    EXPECT_GE(budget->used, 1'000'000U);
    if (aborted) {
      connection->abort({dxl::ErrorCode::kCancelled, "done", 0});
    } else {
      connection.reset();
    }
    EXPECT_EQ(budget->used, 0U);
    turns();
  }
}

TEST_F(ConnectionTest, PausedInputWaitsAndTheRestComesAgain) {
  script.input = {"abc"};
  bool pauses = true;
  handler.at_bytes = [&](Connection& c, std::string_view bytes) {
    if (pauses) c.pause_input();
    return pauses ? std::size_t{1} : bytes.size();
  };
  start();
  turns();
  make_readable();
  script.input = {"def"};
  turns(20);
  EXPECT_EQ(handler.seen, std::vector<std::string>{"abc"});
  EXPECT_FALSE(script.on_readable) << "waits for input nobody wants";

  connection->output() += "still answers";
  connection->flush_later();
  turns();
  EXPECT_EQ(script.writes, std::vector<std::string>{"still answers"});

  connection->resume_input();
  EXPECT_EQ(handler.seen.size(), 1U) << "comes in a later turn";
  turns();  // pauses again
  EXPECT_EQ(handler.seen, (std::vector<std::string>{"abc", "bc"}));
  pauses = false;
  connection->resume_input();
  turns();
  EXPECT_EQ(handler.seen, (std::vector<std::string>{"abc", "bc", "c", "def"}));
  EXPECT_TRUE(script.on_readable);
}

TEST_F(ConnectionTest, PausedBeforeInputComesItIsReadAfterResuming) {
  handler.at_open = [](Connection& c) { c.pause_input(); };
  script.input = {"early"};
  start();
  turns();
  EXPECT_FALSE(script.on_readable);
  connection->resume_input();
  turns();
  EXPECT_EQ(handler.seen, std::vector<std::string>{"early"});

  script.input = {"later"};
  connection->pause_input();  // while it waits
  make_readable();
  EXPECT_EQ(handler.seen.size(), 1U);
  connection->resume_input();
  turns();
  EXPECT_EQ(handler.seen, (std::vector<std::string>{"early", "later"}));
}

TEST_F(ConnectionTest, PausingAndResumingWithinOneCallLosesNothing) {
  script.input = {"abc"};
  handler.at_bytes = [](Connection& c, std::string_view) {
    c.pause_input();
    c.resume_input();
    return std::size_t{1};
  };
  start();
  turns();
  make_readable();
  turns();
  EXPECT_EQ(handler.seen, (std::vector<std::string>{"abc", "bc", "c"}));
}

TEST_F(ConnectionTest, ALongRestSurvivesPauses) {
  const std::string input(200'000, 'r');
  script.input = {input};
  handler.at_bytes = [](Connection& c, std::string_view bytes) {
    c.pause_input();
    return std::min<std::size_t>(bytes.size(), 60'000);
  };
  start();
  turns();
  make_readable();
  for (int i = 0; i < 3; ++i) {
    connection->resume_input();
    turns();
  }
  std::vector<std::size_t> sizes;
  for (const std::string& part : handler.seen) sizes.push_back(part.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{200'000, 140'000, 80'000, 20'000}));
  EXPECT_LT(connection->held_bytes(), 1'000U);
}

TEST_F(ConnectionTest, ClosesWhilePaused) {
  start();
  turns();
  connection->pause_input();
  script.end_after_input = true;
  turns();
  EXPECT_TRUE(handler.reasons.empty());
  connection->close({dxl::ErrorCode::kCancelled, "done", 0});
  connection->resume_input();
  turns();
  EXPECT_EQ(handler.reasons, std::vector<std::string>{"done"});
}

TEST_F(ConnectionTest, TakesFramesWithoutPayload) {
  script.input = {"", "a", ""};
  start();
  turns();
  for (int i = 0; i < 3; ++i) make_readable();
  EXPECT_EQ(handler.seen, std::vector<std::string>{"a"});
}

TEST_F(ConnectionTest, GivesUpAHandshakeThatTakesTooLong) {
  script.handshake_blocks = true;
  ConnectionLimits limits;
  limits.handshake_deadline = std::chrono::milliseconds(5);
  start(limits);
  const auto end = loop.schedule(std::chrono::milliseconds(200), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(handler.opened);
  EXPECT_EQ(handler.reasons,
            std::vector<std::string>{"the peer did not finish the handshake within 5 ms"});
}

TEST_F(ConnectionTest, MayBeDroppedByItsOwnerAtAnyTime) {
  script.input = {"a"};
  handler.at_bytes = [&](Connection&, std::string_view bytes) {
    connection.reset();
    return bytes.size();
  };
  start();
  turns();
  make_readable();
  EXPECT_TRUE(script.closed);
  EXPECT_TRUE(handler.reasons.empty());
}

TEST_F(ConnectionTest, TellsAfterCloseEvenIfItsOwnerDropsIt) {
  start();
  turns();
  connection->close({dxl::ErrorCode::kCancelled, "done", 0});
  connection.reset();
  turns();
  EXPECT_EQ(handler.reasons, std::vector<std::string>{"done"});
}

}  // namespace
}  // namespace tiara::net
