#include "mqtt/packet.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mqtt/packet_samples.hpp"

namespace tiara::mqtt {
namespace {

using namespace std::string_view_literals;

// A packet as text, so that whole values compare and a failure reads well.
std::string describe(const FilterList& filters) {
  std::string out;
  filters.for_each([&](std::string_view filter, std::uint8_t qos) {
    out += fmt::format(" {}:{}", filter, qos);
  });
  return out;
}

struct Describe {
  std::string operator()(const Connect& c) const {
    std::string out = fmt::format("connect v{} {}{} keep={} id={}", static_cast<int>(c.version),
                                  c.clean_session ? "clean" : "kept", c.bridge ? " bridge" : "",
                                  c.keep_alive, c.client_id);
    if (c.will) {
      out += fmt::format(" will {} {} bytes qos={}{}", c.will->topic, c.will->payload.size(),
                         c.will->qos, c.will->retain ? " retain" : "");
    }
    return out;
  }
  std::string operator()(const Connack& c) const {
    return fmt::format("connack {}", static_cast<int>(c.code));
  }
  std::string operator()(const Publish& p) const {
    return fmt::format("publish {} [{}] qos={} id={}{}{}", p.topic, p.payload, p.qos, p.packet_id,
                       p.dup ? " dup" : "", p.retain ? " retain" : "");
  }
  std::string operator()(const Ack& a) const {
    return fmt::format("ack {} {}", static_cast<int>(a.type), a.packet_id);
  }
  std::string operator()(const Subscribe& s) const {
    return fmt::format("subscribe {}{}", s.packet_id, describe(s.filters));
  }
  std::string operator()(const Unsubscribe& s) const {
    return fmt::format("unsubscribe {}{}", s.packet_id, describe(s.filters));
  }
  std::string operator()(const Suback& s) const {
    std::string out = fmt::format("suback {}", s.packet_id);
    for (const char code : s.codes) out += fmt::format(" {}", static_cast<unsigned char>(code));
    return out;
  }
  std::string operator()(const Pingreq&) const { return "pingreq"; }
  std::string operator()(const Pingresp&) const { return "pingresp"; }
  std::string operator()(const Disconnect&) const { return "disconnect"; }
};

dxl::Result<Packet> decode(std::string_view bytes, Version version) {
  const auto frame = next_frame(bytes, kMaxRemainingLength);
  if (!frame) return dxl::fail(frame.error());
  if (!*frame) return dxl::fail(dxl::ErrorCode::kMalformed, "need more");
  EXPECT_EQ((*frame)->total_bytes, bytes.size());
  return decode_packet(**frame, version);
}

std::string decoded(std::string_view bytes, Version version) {
  const auto packet = decode(bytes, version);
  return packet ? std::visit(Describe{}, *packet) : "error: " + packet.error().message;
}

TEST(PacketDecoder, DecodesHandWrittenPackets) {
  const std::vector<std::string> expected{
      "connect v4 clean keep=1800 id={a}",
      "connect v3 clean keep=1800 id={a}",
      "connect v3 clean bridge keep=60 id={b}",
      "connect v4 clean keep=60 id=c will /w/# 2 bytes qos=1 retain",
      "connect v4 clean keep=60 id=u",
      "connack 0",
      "connack 5",
      "publish /t/ [hey] qos=0 id=0",
      "publish /t/ [] qos=0 id=0",
      "publish /t/ [hi] qos=2 id=258 dup retain",
      "publish /\xc3\xa9/\xf0\x9f\x92\x8e/z [x] qos=0 id=0",
      "ack 4 7",
      "ack 5 7",
      "ack 6 7",
      "ack 7 7",
      "subscribe 1 /a/:0",
      "subscribe 1 /a:1 /b#:2",
      "suback 1 1 128",
      "unsubscribe 2 /a/:0",
      "unsubscribe 2 /a:0 /b#:0",
      "ack 11 2",
      "pingreq",
      "pingresp",
      "disconnect",
  };
  std::vector<std::string> found;
  for (const Sample& sample : valid_samples()) {
    found.push_back(decoded(sample.bytes, sample.version));
  }
  EXPECT_EQ(found, expected);
}

TEST(PacketEncoder, WritesTheBytesOfTheSamples) {
  const auto bytes_of = [](std::string_view name) {
    for (const Sample& sample : valid_samples()) {
      if (sample.name == name) return std::string(sample.bytes);
    }
    return std::string("no such sample");
  };
  const auto encoded = [](auto&& append) {
    std::string out;
    append(out);
    return out;
  };
  using Out = std::string&;
  EXPECT_EQ(encoded([](Out out) {
              append_connect({Version::k311, 1800, "{a}"}, out);
            }),
            bytes_of("connect_311"));
  EXPECT_EQ(encoded([](Out out) {
              append_connect({Version::k31, 1800, "{a}"}, out);
            }),
            bytes_of("connect_31"));
  EXPECT_EQ(encoded([](Out out) { append_connack(ConnectCode::kNotAuthorised, out); }),
            bytes_of("connack_not_authorised"));
  EXPECT_EQ(encoded([](Out out) { append_publish("/t/", "hey", out); }), bytes_of("publish"));
  EXPECT_EQ(encoded([](Out out) { append_ack(PacketType::kPuback, 7, out); }), bytes_of("puback"));
  EXPECT_EQ(encoded([](Out out) { append_ack(PacketType::kPubrec, 7, out); }), bytes_of("pubrec"));
  EXPECT_EQ(encoded([](Out out) { append_ack(PacketType::kPubrel, 7, out); }), bytes_of("pubrel"));
  EXPECT_EQ(encoded([](Out out) { append_ack(PacketType::kPubcomp, 7, out); }),
            bytes_of("pubcomp"));
  EXPECT_EQ(encoded([](Out out) { append_ack(PacketType::kUnsuback, 2, out); }),
            bytes_of("unsuback"));
  EXPECT_EQ(encoded([](Out out) { append_subscribe(1, "/a/", out); }), bytes_of("subscribe"));
  EXPECT_EQ(encoded([](Out out) { append_unsubscribe(2, "/a/", out); }), bytes_of("unsubscribe"));
  EXPECT_EQ(encoded([](Out out) { append_suback(1, "\x01\x80"sv, out); }), bytes_of("suback"));
  EXPECT_EQ(encoded([](Out out) { append_pingreq(out); }), bytes_of("pingreq"));
  EXPECT_EQ(encoded([](Out out) { append_pingresp(out); }), bytes_of("pingresp"));
  EXPECT_EQ(encoded([](Out out) { append_disconnect(out); }), bytes_of("disconnect"));
}

TEST(PacketEncoder, AnnouncesTheSizeItWrites) {
  for (const std::size_t payload : {0, 1, 122, 123, 124, 16'378, 16'379, 16'380, 2'097'147}) {
    std::string out;
    append_publish("/t/", std::string(payload, 'x'), out);
    EXPECT_EQ(publish_size("/t/", payload), out.size());
    const auto frame = next_frame(out, kMaxRemainingLength);
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((*frame)->total_bytes, out.size());
    EXPECT_EQ((*frame)->body.size(), payload + 5);

    std::string header;
    append_publish_header("/t/", payload, header);
    EXPECT_EQ(header, out.substr(0, out.size() - payload));
  }
}

struct Refusal {
  const char* why;
  Version version;
  std::string_view bytes;
};

TEST(PacketDecoder, RefusesWhatTheBrokerMustRefuse) {
  const std::vector<Refusal> cases{
      {"unknown protocol name", Version::k311, "\x10\x0d\x00\x04MQXX\x04\x02\x00\x3c\x00\x01u"sv},
      {"connect header flags", Version::k311, "\x11\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01u"sv},
      {"connect reserved flag", Version::k311, "\x10\x0d\x00\x04MQTT\x04\x03\x00\x3c\x00\x01u"sv},
      {"will QoS without will", Version::k311, "\x10\x0d\x00\x04MQTT\x04\x0a\x00\x3c\x00\x01u"sv},
      {"will retain, no will", Version::k311, "\x10\x0d\x00\x04MQTT\x04\x22\x00\x3c\x00\x01u"sv},
      {"will QoS 3", Version::k31,
       "\x10\x14\x00\x06MQIsdp\x03\x1e\x00\x3c\x00\x01u\x00\x01w\x00\x00"sv},
      {"NUL in client id", Version::k311, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01\x00"sv},
      {"connack flags", Version::k311, "\x20\x02\x02\x00"sv},
      {"connack too long", Version::k31, "\x20\x03\x00\x00\x00"sv},
      {"publish QoS 3", Version::k31, "\x36\x07\x00\x03/t/\x00\x01"sv},
      {"publish id 0", Version::k311, "\x32\x07\x00\x03/t/\x00\x00"sv},
      {"topic not UTF-8", Version::k31, "\x30\x03\x00\x01\xff"sv},
      {"topic with surrogate", Version::k311, "\x30\x05\x00\x03\xed\xa0\x80"sv},
      {"topic with NUL behind a word", Version::k31, "\x30\x0c\x00\x0a/abcdefg/\x00"sv},
      {"topic with NUL in a word", Version::k31, "\x30\x0a\x00\x08/abc\x00/ef"sv},
      {"topic past the end", Version::k31, "\x30\x03\x00\x05/"sv},
      {"puback flags", Version::k311, "\x41\x02\x00\x07"sv},
      {"pubrel flags", Version::k311, "\x60\x02\x00\x07"sv},
      {"ack id 0", Version::k311, "\x40\x02\x00\x00"sv},
      {"ack too long", Version::k31, "\x40\x03\x00\x07\x00"sv},
      {"subscribe flags", Version::k311, "\x80\x08\x00\x01\x00\x03/a/\x00"sv},
      {"subscribe id 0", Version::k311, "\x82\x08\x00\x00\x00\x03/a/\x00"sv},
      {"subscribe QoS 3", Version::k31, "\x82\x08\x00\x01\x00\x03/a/\x03"sv},
      {"subscribe without filter", Version::k311, "\x82\x02\x00\x01"sv},
      {"subscribe without QoS", Version::k31, "\x82\x07\x00\x01\x00\x03/a/"sv},
      {"filter not UTF-8", Version::k31, "\x82\x06\x00\x01\x00\x01\xc0\x00"sv},
      {"unsubscribe without filter", Version::k311, "\xa2\x02\x00\x01"sv},
      {"unsubscribe flags", Version::k311, "\xa0\x07\x00\x02\x00\x03/a/"sv},
      {"suback without codes", Version::k311, "\x90\x02\x00\x01"sv},
      {"pingreq with body", Version::k31, "\xc0\x01x"sv},
      {"pingresp flags", Version::k311, "\xd1\x00"sv},
      {"disconnect flags", Version::k311, "\xe1\x00"sv},
  };
  for (const Refusal& refusal : cases) {
    const auto packet = decode(refusal.bytes, refusal.version);
    ASSERT_FALSE(packet) << refusal.why;
    EXPECT_EQ(packet.error().code, dxl::ErrorCode::kMalformed) << refusal.why;
    EXPECT_EQ(packet.error().peer_code, 0U) << refusal.why;
  }
}

TEST(PacketDecoder, AcceptsUnder31WhatOnly311Forbids) {
  const std::vector<std::pair<std::string_view, std::string>> cases{
      {"\x80\x08\x00\x00\x00\x03/a/\x00"sv, "subscribe 0 /a/:0"},
      {"\x82\x02\x00\x01"sv, "subscribe 1"},
      {"\x4f\x02\x00\x00"sv, "ack 4 0"},
      {"\xef\x00"sv, "disconnect"},
      {"\x10\x0f\x00\x06MQIsdp\x03\x3b\x00\x3c\x00\x01u"sv, "connect v3 clean keep=60 id=u"},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(decoded(bytes, Version::k31), expected);
}

TEST(PacketDecoder, TellsAnUnknownLevelFromAnUnknownProtocol) {
  const std::vector<std::string_view> cases{
      "\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x01u"sv,
      "\x10\x0d\x00\x04MQTT\x03\x02\x00\x3c\x00\x01u"sv,
      "\x10\x0f\x00\x06MQIsdp\x84\x02\x00\x3c\x00\x01u"sv,
      "\x10\x07\x00\x04MQTT\x00"sv,  // refused before anything behind the level is read
  };
  for (const std::string_view bytes : cases) {
    const auto packet = decode(bytes, Version::k311);
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error().peer_code, static_cast<std::uint32_t>(ConnectCode::kBadVersion));
  }
}

TEST(PacketDecoder, SaysWhereAndWhy) {
  EXPECT_EQ(decoded("\x30\x03\x00\x05/"sv, Version::k311),
            "error: topic: packet ends inside it at byte 2");
  EXPECT_EQ(decoded("\x82\x06\x00\x01\x00\x01\xc0\x00"sv, Version::k311),
            "error: topic filter: not UTF-8 without NUL at byte 2");
  EXPECT_EQ(decoded("\x80\x08\x00\x01\x00\x03/a/\x00"sv, Version::k311),
            "error: header flags of packet type 8: expected 2, found 0");
}

TEST(PacketDecoder, BoundsTheFiltersOfOnePacket) {
  std::string body("\x00\x01", 2);
  for (std::size_t i = 0; i <= kMaxFiltersPerPacket; ++i)
    body +=
        "\x00\x01"
        "a"sv;
  const Frame over{PacketType::kUnsubscribe, 2, body, body.size() + 3};
  const auto refused = decode_packet(over, Version::k311);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, dxl::ErrorCode::kLimitExceeded);

  Frame just_fits = over;
  just_fits.body.remove_suffix(3);
  EXPECT_TRUE(decode_packet(just_fits, Version::k311));
}

TEST(NextFrame, FindsPacketsInInputSplitAnywhere) {
  std::string stream;
  std::vector<std::string> expected;
  for (const Sample& sample : valid_samples()) {
    stream += sample.bytes;
    expected.push_back(std::string(sample.bytes));
  }
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    std::vector<std::string> found;
    std::size_t begin = 0;
    for (std::size_t end = 0; end < stream.size();) {
      end = std::min(end + step, stream.size());
      const std::string_view window(stream.data(), end);
      while (true) {
        const auto frame = next_frame(window.substr(begin), kMaxRemainingLength);
        ASSERT_TRUE(frame);
        if (!*frame) break;
        found.push_back(stream.substr(begin, (*frame)->total_bytes));
        begin += (*frame)->total_bytes;
      }
    }
    ASSERT_EQ(found, expected) << "step " << step;
  }
}

TEST(NextFrame, DecidesFromTheHeaderAlone) {
  struct Case {
    std::string_view bytes;
    std::optional<dxl::ErrorCode> error;  // none: more bytes are needed
  };
  const std::vector<Case> cases{
      {""sv, std::nullopt},
      {"\x30"sv, std::nullopt},
      {"\x30\xff\xff\xff"sv, std::nullopt},
      {"\x30\x80\x80\x80\x80"sv, dxl::ErrorCode::kMalformed},
      {"\x00"sv, dxl::ErrorCode::kMalformed},
      {"\xf0"sv, dxl::ErrorCode::kMalformed},
      {"\x30\x64"sv, std::nullopt},
      {"\x30\x65"sv, dxl::ErrorCode::kLimitExceeded},
      {"\x30\xff\xff\xff\x7f"sv, dxl::ErrorCode::kLimitExceeded},
  };
  for (const Case& c : cases) {
    const auto frame = next_frame(c.bytes, 100);
    if (c.error) {
      ASSERT_FALSE(frame);
      EXPECT_EQ(frame.error().code, *c.error);
    } else {
      ASSERT_TRUE(frame);
      EXPECT_FALSE(*frame);
    }
  }
}

}  // namespace
}  // namespace tiara::mqtt
