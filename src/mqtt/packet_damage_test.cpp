// What a peer may send instead of a packet: every cut and every changed byte of every sample.
#include <gtest/gtest.h>

#include <string>

#include "mqtt/packet.hpp"
#include "mqtt/packet_samples.hpp"

namespace tiara::mqtt {
namespace {

// Where fields are optional or open-ended, a cut body is a shorter valid packet.
bool may_be_cut(PacketType type, std::size_t kept, Version version) {
  switch (type) {
    case PacketType::kPublish:
      return kept >= 5;  // behind the topic "/t/" (and the packet id, cut below) all is payload
    case PacketType::kSubscribe:
    case PacketType::kUnsubscribe:
      return kept == 2 ? version == Version::k31 : kept > 2;  // between two filters
    case PacketType::kSuback:
      return kept > 2;
    default:
      return false;
  }
}

TEST(PacketDamage, EveryCutOfTheStreamNeedsMore) {
  for (const Sample& sample : valid_samples()) {
    for (std::size_t kept = 0; kept < sample.bytes.size(); ++kept) {
      const auto frame = next_frame(sample.bytes.substr(0, kept), kMaxRemainingLength);
      ASSERT_TRUE(frame) << sample.name;
      EXPECT_FALSE(*frame) << sample.name << " cut to " << kept;
    }
  }
}

TEST(PacketDamage, EveryCutOfABodyIsAnErrorOrAShorterPacket) {
  for (const Sample& sample : valid_samples()) {
    const Frame whole = **next_frame(sample.bytes, kMaxRemainingLength);
    for (std::size_t kept = 0; kept < whole.body.size(); ++kept) {
      // A copy of its own size, so that a sanitizer sees a read past the end.
      const std::string body(whole.body.substr(0, kept));
      const Frame cut{whole.type, whole.flags, body, kept + 2};
      const auto packet = decode_packet(cut, sample.version);
      if (!may_be_cut(whole.type, kept, sample.version)) {
        EXPECT_FALSE(packet) << sample.name << " cut to " << kept;
      }
    }
  }
}

TEST(PacketDamage, EverySingleByteChangeReturns) {
  std::size_t decoded = 0;
  for (const Sample& sample : valid_samples()) {
    for (std::size_t at = 0; at < sample.bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string bytes(sample.bytes);
        bytes[at] = static_cast<char>(value);
        const auto frame = next_frame(bytes, kMaxRemainingLength);
        if (!frame || !*frame) continue;
        for (const Version version : {Version::k31, Version::k311}) {
          if (decode_packet(**frame, version)) ++decoded;
        }
      }
    }
  }
  EXPECT_GT(decoded, valid_samples().size());
}

}  // namespace
}  // namespace tiara::mqtt
