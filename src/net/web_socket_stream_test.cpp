#include "net/web_socket_stream.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "net/memory_stream.hpp"
#include "net/test_frames.hpp"

namespace tiara::net {
namespace {

using Status = IoResult::Status;

constexpr unsigned kBinary = 0x82, kClose = 0x88, kPong = 0x8a;  // final frames

class WebSocket : public testing::Test {
 protected:
  // Open, with `input` behind the request and the answer taken away.
  void open(const std::string& input = "") {
    wire.input = sample_request() + input;
    ASSERT_EQ(stream->handshake().status, Status::kDone);
    ASSERT_EQ(wire.output, sample_response());
    wire.output.clear();
  }
  // Reads until something else than data comes.
  IoResult read_to_stop(std::size_t capacity = 4096) {
    std::string buffer(capacity, '\0');
    while (true) {
      IoResult result = stream->read(buffer.data(), buffer.size());
      if (result.status != Status::kDone) return result;
      received.append(buffer, 0, result.bytes);
    }
  }
  std::vector<ReceivedFrame> sent() const { return from_wire(wire.output); }

  MemoryStream::Wire wire;
  std::unique_ptr<Stream> stream =
      make_web_socket_server_stream(std::make_unique<MemoryStream>(wire));
  std::string received;
};

TEST_F(WebSocket, TakesTheUpgradeByteByByte) {
  for (const char c : sample_request()) {
    EXPECT_EQ(stream->handshake().status, Status::kWouldBlock);
    EXPECT_FALSE(stream->wants_write());
    EXPECT_EQ(wire.output, "");
    wire.input = c;
  }
  EXPECT_EQ(stream->handshake().status, Status::kDone);
  EXPECT_EQ(wire.output, sample_response());
}

TEST_F(WebSocket, WaitsForRoomForTheAnswer) {
  wire.input = sample_request();
  wire.room = 10;
  EXPECT_EQ(stream->handshake().status, Status::kWouldBlock);
  EXPECT_TRUE(stream->wants_write());
  wire.room = 1000;
  EXPECT_EQ(stream->handshake().status, Status::kDone);
  EXPECT_EQ(wire.output, sample_response());
}

TEST_F(WebSocket, EndsBehindARefusal) {
  wire.input = sample_request("/other");
  const IoResult result = stream->handshake();
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.error.message,
            "WebSocket upgrade refused (404): no path \"/other\", use / or /mqtt");
  const std::string answer = wire.output;
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 404 Not Found\r\n")) << answer;
  EXPECT_EQ(stream->handshake().status, Status::kFailed);
  stream->close();
  EXPECT_EQ(wire.output, answer) << "a frame behind a refusal";
  EXPECT_TRUE(wire.is_closed);
}

TEST_F(WebSocket, BoundsTheRequest) {
  const std::string start = "GET / HTTP/1.1\r\nX: ";
  wire.input = start + std::string(8 * 1024 - start.size(), 'x');
  EXPECT_EQ(stream->handshake().status, Status::kWouldBlock);
  wire.input = std::string(1024 * 1024, 'x');
  const IoResult result = stream->handshake();
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.error.code, dxl::ErrorCode::kLimitExceeded);
  EXPECT_TRUE(wire.output.starts_with("HTTP/1.1 431 ")) << wire.output;
  EXPECT_GT(wire.input.size(), 1'000'000U) << "read on behind the limit";
}

TEST_F(WebSocket, TellsWhoDoesNotSpeakHttp) {
  wire.input = std::string("\x10\x0f\x00\x04MQTT", 8);
  EXPECT_EQ(stream->handshake().error.message,
            "the peer speaks MQTT without WebSockets on this port");
  EXPECT_EQ(wire.output, "");
  stream = make_web_socket_server_stream(std::make_unique<MemoryStream>(wire));
  wire.input = "\x16\x03\x01";
  EXPECT_EQ(stream->handshake().error.message,
            "the peer does not speak HTTP on this WebSocket port");
}

TEST_F(WebSocket, TellsWhoLeavesDuringTheUpgrade) {
  wire.input = "GET / HT";
  wire.input_ends = true;
  const IoResult result = stream->handshake();
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.error.message, "the peer closed the connection during the WebSocket upgrade");
}

TEST_F(WebSocket, KeepsFramesThatCameWithTheRequest) {
  open(data("early") + data("bird"));
  EXPECT_TRUE(stream->has_buffered_input());
  EXPECT_EQ(read_to_stop(3).status, Status::kWouldBlock);
  EXPECT_EQ(received, "earlybird");
  EXPECT_FALSE(stream->has_buffered_input());
}

// One stream for every cut: what is read must not depend on how it arrives or is asked for.
TEST_F(WebSocket, ReadsTheSameHoweverItIsCut) {
  const std::string input = data("one") + to_wire({9, "ping"}) + data("") +
                            to_wire({1, "tex", false}) + to_wire({9, "pong?"}) +
                            to_wire({0, "t", true, false}) + to_wire({10, "unasked"}) +
                            data(std::string(300, 'l'));
  for (std::size_t step = 1; step <= input.size(); ++step) {
    for (const std::size_t capacity : {1U, 7U, 4096U}) {
      wire = {};
      stream = make_web_socket_server_stream(std::make_unique<MemoryStream>(wire));
      received.clear();
      open();
      for (std::size_t i = 0; i < input.size(); i += step) {
        wire.input = input.substr(i, step);
        ASSERT_EQ(read_to_stop(capacity).status, Status::kWouldBlock);
      }
      ASSERT_EQ(received, "onetext" + std::string(300, 'l')) << step << ", " << capacity;
      ASSERT_EQ(sent().back(), (ReceivedFrame{kPong, false, "pong?"})) << step << ", " << capacity;
      ASSERT_EQ(stream->held_bytes(), 0U);
    }
  }
}

TEST_F(WebSocket, AnswersTheNewestPingOfARead) {
  open();
  for (int i = 0; i < 100; ++i) wire.input += to_wire({9, std::to_string(i)});
  EXPECT_EQ(read_to_stop().status, Status::kWouldBlock);
  EXPECT_EQ(sent(), (std::vector<ReceivedFrame>{{kPong, false, "99"}}));
}

TEST_F(WebSocket, KeepsOnePongForAPeerThatDoesNotRead) {
  open();
  wire.room = 2;  // a piece of the first pong
  for (int i = 0; i < 1000; ++i) {
    wire.input += to_wire({9, std::to_string(i)});
    EXPECT_EQ(read_to_stop().status, Status::kWouldBlock);
    EXPECT_FALSE(stream->wants_write()) << "reading must not wait for the peer to read";
  }
  EXPECT_LT(stream->held_bytes(), 200U);
  wire.room = 1000;
  ASSERT_TRUE(wire.on_writable);
  std::exchange(wire.on_writable, nullptr)();
  EXPECT_EQ(sent(), (std::vector<ReceivedFrame>{{kPong, false, "0"}, {kPong, false, "999"}}));
  EXPECT_FALSE(wire.on_writable) << "waits for nothing";
}

TEST_F(WebSocket, SharesTheWriteWaitBetweenPongsAndTheCaller) {
  open();
  wire.room = 0;
  wire.input = to_wire({9, "p"});
  EXPECT_EQ(read_to_stop().status, Status::kWouldBlock);
  EXPECT_EQ(stream->write("data").status, Status::kWouldBlock);
  EXPECT_TRUE(stream->wants_write());
  int called = 0;
  stream->wait_writable([&] { ++called; });
  wire.room = 1000;
  std::exchange(wire.on_writable, nullptr)();
  EXPECT_EQ(called, 1);
  EXPECT_EQ(stream->write("data").bytes, 4U);
  EXPECT_EQ(sent(), (std::vector<ReceivedFrame>{{kPong, false, "p"}, {kBinary, false, "data"}}));
}

TEST_F(WebSocket, WritesOneFramePerCall) {
  open();
  EXPECT_EQ(stream->write("first").bytes, 5U);
  EXPECT_EQ(stream->write("").bytes, 0U);
  const std::string text(kMaxWebSocketPayload + 1000, 'x');
  EXPECT_EQ(stream->write(text).bytes, kMaxWebSocketPayload);
  EXPECT_EQ(stream->write(text.substr(kMaxWebSocketPayload)).bytes, 1000U);
  EXPECT_EQ(sent(),
            (std::vector<ReceivedFrame>{{kBinary, false, "first"},
                                        {kBinary, false, std::string(kMaxWebSocketPayload, 'x')},
                                        {kBinary, false, std::string(1000, 'x')}}));
}

TEST_F(WebSocket, GoesOnWithAFrameWhateverRoomThereIs) {
  std::string text(1000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 26);
  for (const bool reports_late : {false, true}) {
    for (const std::size_t room : {1U, 2U, 3U, 4U, 5U, 100U, 1003U}) {
      wire = {};
      stream = make_web_socket_server_stream(std::make_unique<MemoryStream>(wire));
      open();
      wire.reports_late = reports_late;
      wire.input = to_wire({9, "p"});
      std::string output = text;
      std::size_t done = 0;
      for (int tries = 0; done < output.size() && tries < 4000; ++tries) {
        wire.room = room;
        const IoResult result = stream->write(std::string_view(output).substr(done));
        if (result.status == Status::kDone) done += result.bytes;
        if (tries == 0) {  // more comes behind, and a ping in the middle
          output += "more";
          EXPECT_EQ(read_to_stop().status, Status::kWouldBlock);
        }
      }
      wire.room = 1000;
      if (wire.on_writable) wire.on_writable();
      const std::vector<ReceivedFrame> frames = sent();
      ASSERT_EQ(frames.size(), 3U) << room;
      EXPECT_EQ(frames[0], (ReceivedFrame{kBinary, false, text}));
      EXPECT_EQ(frames[1], (ReceivedFrame{kPong, false, "p"}));
      EXPECT_EQ(frames[2], (ReceivedFrame{kBinary, false, "more"}));
    }
  }
}

TEST_F(WebSocket, EchoesACloseBehindTheAnswersToWhatCameBefore) {
  open();
  wire.input = data("last") + to_wire({8, "\x03\xe9going"}) + data("never");
  std::string buffer(100, '\0');
  EXPECT_EQ(stream->read(buffer.data(), buffer.size()).bytes, 4U);
  EXPECT_TRUE(stream->has_buffered_input());
  EXPECT_EQ(stream->write("answer").bytes, 6U);
  EXPECT_EQ(read_to_stop().status, Status::kEnd);
  EXPECT_EQ(read_to_stop().status, Status::kEnd);
  EXPECT_EQ(stream->write("late").status, Status::kFailed);
  stream->close();
  EXPECT_EQ(sent(),
            (std::vector<ReceivedFrame>{{kBinary, false, "answer"}, {kClose, false, "\x03\xe9"}}));
  EXPECT_TRUE(wire.is_closed);
}

TEST_F(WebSocket, AnswersEveryCloseFrame) {
  const struct {
    std::string payload, answer;
    Status status;
  } cases[] = {
      {"", "", Status::kEnd},
      {"\x03\xe8", "\x03\xe8", Status::kEnd},
      {"\x0f\xa0 private", "\x0f\xa0", Status::kEnd},
      {std::string("\x00\x01", 2), "\x03\xea", Status::kEnd},
      {"\x03\xed", "\x03\xea", Status::kEnd},
      {"\xff\xff", "\x03\xea", Status::kEnd},
      {"x", "\x03\xea", Status::kFailed},
  };
  for (const auto& each : cases) {
    wire = {};
    stream = make_web_socket_server_stream(std::make_unique<MemoryStream>(wire));
    open();
    wire.input = to_wire({8, each.payload});
    EXPECT_EQ(read_to_stop().status, each.status);
    EXPECT_EQ(sent(), (std::vector<ReceivedFrame>{{kClose, false, each.answer}}));
  }
}

TEST_F(WebSocket, EndsAtAProtocolErrorWithStatusAndReason) {
  open();
  wire.input = data("good") + to_wire({2, "bad", true, true, 4}) + data("never");
  const IoResult result = read_to_stop();
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.error.code, dxl::ErrorCode::kMalformed);
  EXPECT_EQ(result.error.message,
            "WebSocket: a frame with reserved bits, but no extension was agreed on");
  EXPECT_EQ(received, "good");
  EXPECT_EQ(read_to_stop().status, Status::kFailed);
  stream->close();
  EXPECT_EQ(sent(), (std::vector<ReceivedFrame>{{kClose, false, "\x03\xea"}}));
}

TEST_F(WebSocket, SaysThatItCloses) {
  open();
  stream->close();
  stream->close();
  EXPECT_EQ(sent(), (std::vector<ReceivedFrame>{{kClose, false, "\x03\xe8"}}));
  EXPECT_TRUE(wire.is_closed);
}

TEST_F(WebSocket, ClosesWithoutAFrameInTheMiddleOfAnother) {
  open();
  wire.room = 4;
  EXPECT_EQ(stream->write("frame").status, Status::kWouldBlock);
  wire.room = 1000;
  stream->close();
  EXPECT_EQ(wire.output,
            "\x82\x05"
            "fr");
}

TEST_F(WebSocket, EndsWithItsPeer) {
  open();
  wire.input = data("bye") + "\x82";
  wire.input_ends = true;
  EXPECT_EQ(read_to_stop().status, Status::kEnd);
  EXPECT_EQ(received, "bye");
}

// An exchange with every kind of frame, cut off and damaged everywhere. The tests of the request
// and of the frames by themselves go through all values of each byte.
TEST_F(WebSocket, SurvivesEveryPrefixAndEveryChangedBit) {
  const std::string exchange = sample_request() + data("one") + to_wire({9, "ping"}) +
                               to_wire({2, "fra", false}) + to_wire({0, "gment"}) +
                               data(std::string(130, 'x')) + to_wire({8, "\x03\xe8"});
  const auto run = [&](const std::string& input) {
    wire = {};
    wire.input = input;
    wire.read_limit = 61;
    stream = make_web_socket_server_stream(std::make_unique<MemoryStream>(wire));
    received.clear();
    if (stream->handshake().status == Status::kDone) {
      read_to_stop(100);
      (void)stream->write("reply");
    }
    stream->close();
    EXPECT_LE(received.size(), input.size());
  };
  for (std::size_t i = 0; i < exchange.size(); ++i) {
    run(exchange.substr(0, i));
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = exchange;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      run(changed);
    }
  }
}

// The client's role: the same stream with the other half of the upgrade, masked.
TEST(WebSocketClient, MasksWhatItSends) {
  MemoryStream::Wire wire;
  const auto client =
      make_web_socket_client_stream(std::make_unique<MemoryStream>(wire), "broker:443", "/mqtt");
  EXPECT_EQ(client->handshake().status, Status::kWouldBlock);
  EXPECT_TRUE(wire.output.starts_with("GET /mqtt HTTP/1.1\r\nHost: broker:443\r\n")) << wire.output;
  wire.output.clear();
  wire.input = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(client->handshake().error.message,
            "the broker refused the WebSocket upgrade: HTTP 401 \"Unauthorized\"");
}

TEST(WebSocketClient, TalksWithTheServer) {
  MemoryStream::Wire of_client, of_server;
  const auto client =
      make_web_socket_client_stream(std::make_unique<MemoryStream>(of_client), "broker:443");
  const auto server = make_web_socket_server_stream(std::make_unique<MemoryStream>(of_server));
  const auto carry = [&] {
    of_server.input += std::exchange(of_client.output, {});
    of_client.input += std::exchange(of_server.output, {});
  };
  EXPECT_EQ(client->handshake().status, Status::kWouldBlock);
  carry();
  EXPECT_EQ(server->handshake().status, Status::kDone);
  carry();
  EXPECT_EQ(client->handshake().status, Status::kDone);

  EXPECT_EQ(client->write("question").bytes, 8U);
  EXPECT_EQ(from_wire(of_client.output), (std::vector<ReceivedFrame>{{kBinary, true, "question"}}));
  carry();
  std::string buffer(100, '\0');
  EXPECT_EQ(buffer.substr(0, server->read(buffer.data(), buffer.size()).bytes), "question");
  EXPECT_EQ(server->write("answer").bytes, 6U);
  carry();
  EXPECT_EQ(buffer.substr(0, client->read(buffer.data(), buffer.size()).bytes), "answer");
  client->close();
  carry();
  EXPECT_EQ(server->read(buffer.data(), buffer.size()).status, Status::kEnd);
}

}  // namespace
}  // namespace tiara::net
