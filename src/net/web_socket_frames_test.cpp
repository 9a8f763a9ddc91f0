#include "net/web_socket_frames.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "net/test_frames.hpp"

namespace tiara::net {
namespace {

struct Outcome {
  std::string data, controls;  // controls: opcode digit, payload, ';'
  std::string error;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// In pieces of `step` bytes, each in a buffer of its own.
Outcome feed_all(FrameReader& reader, std::string_view bytes,
                 std::size_t step = static_cast<std::size_t>(-1)) {
  Outcome outcome;
  std::string control;
  while (!bytes.empty()) {
    const std::string input(bytes.substr(0, step));
    bytes.remove_prefix(input.size());
    reader.feed(input);
    while (true) {
      auto piece = reader.next();
      if (!piece) {
        outcome.error = piece.error().message;
        return outcome;
      }
      if (!*piece) break;
      std::string& into = is_control((*piece)->opcode) ? control : outcome.data;
      into += (*piece)->data;
      if (!is_control((*piece)->opcode) || !(*piece)->ends_frame) continue;
      outcome.controls += std::to_string(static_cast<int>((*piece)->opcode)) + control + ";";
      control.clear();
    }
  }
  return outcome;
}

Outcome read_all(std::string_view bytes, std::size_t step = static_cast<std::size_t>(-1)) {
  FrameReader reader;
  Outcome outcome = feed_all(reader, bytes, step);
  EXPECT_EQ(outcome.error.empty() ? reader.held_bytes() : 0U, 0U) << "a buffer between frames";
  return outcome;
}

Outcome read_damaged(std::string_view bytes) {
  FrameReader reader;
  return feed_all(reader, bytes);
}

TEST(WebSocketFrames, ReadsEveryFormOfDataInPiecesOfEverySize) {
  const std::string long_text(300, 'l');
  const std::string bytes = data("one") + data("") + to_wire({1, "text"}) +
                            to_wire({2, "bare", true, false}) + to_wire({2, "fr", false}) +
                            to_wire({9, "ping"}) + to_wire({0, "", false}) + to_wire({10, ""}) +
                            to_wire({0, "agment"}) + data(long_text) +
                            to_wire({9, std::string(125, 'p')});
  const Outcome expected{"onetextbarefragment" + long_text,
                         "9ping;10;9" + std::string(125, 'p') + ";", ""};
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EXPECT_EQ(read_all(bytes, step), expected) << step;
  }
}

TEST(WebSocketFrames, ReadsLengthsOf64Bits) {
  std::string text(200'000, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 % 251);
  EXPECT_EQ(read_all(data("a") + data(text) + data("z"), 1000),
            (Outcome{"a" + text + "z", "", ""}));
}

TEST(WebSocketFrames, RefusesWhatTheProtocolForbids) {
  const std::string control =
      "WebSocket: a control frame in fragments or above 125 bytes, or a frame length in a longer "
      "form than needed";
  const struct {
    std::string bytes;
    std::string error;
  } cases[] = {
      {to_wire({2, "x", true, true, 4}),
       "WebSocket: a frame with reserved bits, but no extension was agreed on"},
      {to_wire({2, "x", true, true, 1}),
       "WebSocket: a frame with reserved bits, but no extension was agreed on"},
      {to_wire({9, "", true, true, 2}),
       "WebSocket: a frame with reserved bits, but no extension was agreed on"},
      {to_wire({3, "x"}), "WebSocket: a frame with the unknown opcode 3"},
      {to_wire({7, ""}), "WebSocket: a frame with the unknown opcode 7"},
      {to_wire({11, ""}), "WebSocket: a frame with the unknown opcode 11"},
      {to_wire({15, "x"}), "WebSocket: a frame with the unknown opcode 15"},
      {to_wire({9, std::string(126, 'p')}), control},
      {to_wire({8, std::string(70'000, 'p')}), control},
      {to_wire({9, "p", false}), control},
      {to_wire({2, "x", true, true, 0, 16}), control},
      {to_wire({2, "x", true, true, 0, 64}), control},
      {std::string("\x82\xff\x80\0\0\0\0\0\0\0", 10), control},
      {to_wire({0, "x"}), "WebSocket: a continuation frame without a message to continue"},
      {data("x") + to_wire({0, "x"}),
       "WebSocket: a continuation frame without a message to continue"},
      {to_wire({2, "x", false}) + data("y"),
       "WebSocket: a new message before the last one's final frame"},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(read_all(data("before") + each.bytes).error, each.error);
    EXPECT_EQ(read_all(data("before") + each.bytes, 1).error, each.error);
  }
}

TEST(WebSocketFrames, SurvivesEveryPrefixAndEveryChangedByte) {
  const std::string bytes = data("one") + to_wire({9, "ping"}) + to_wire({2, "fra", false}) +
                            to_wire({0, "gment"}) + data(std::string(130, 'x')) +
                            to_wire({8, "\x03\xe8"});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(read_damaged(bytes.substr(0, i)).error, "") << i;
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(value);
      EXPECT_LE(read_damaged(changed).data.size(), bytes.size());
    }
  }
}

TEST(WebSocketFrames, HoldsABufferOnlyWithinAFrame) {
  FrameReader reader;
  EXPECT_EQ(reader.held_bytes(), 0U);
  const std::string bytes = data("hello");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    reader.feed(std::string_view(bytes).substr(i, 1));
    while (*reader.next()) {
    }
    EXPECT_EQ(reader.held_bytes() > 0, i + 1 < bytes.size()) << i;
  }
}

TEST(WebSocketFrames, WritesFramesOfEveryLengthForm) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U, 200'000U}) {
    const std::string payload(size, 'w');
    std::string out = "x";
    append_frame(Opcode::kBinary, payload, std::nullopt, out);
    EXPECT_EQ(out, "x" + to_wire({2, payload, true, false}));
    out.clear();
    append_frame(Opcode::kBinary, payload, MaskKey{'\x37', '\xfa', '\x21', '\x3d'}, out);
    EXPECT_EQ(out, data(payload));
  }
  std::string pong;
  append_frame(Opcode::kPong, "p", std::nullopt, pong);
  EXPECT_EQ(pong, "\x8a\x01p");
}

}  // namespace
}  // namespace tiara::net
