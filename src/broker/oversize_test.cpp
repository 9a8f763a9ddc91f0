#include "broker/oversize.hpp"

#include <gtest/gtest.h>

#include "dxl/message_codec.hpp"

namespace tiara::broker {
namespace {

std::string request_of(std::size_t payload_bytes) {
  dxl::MessageView message;
  message.type = dxl::MessageType::kRequest;
  message.message_id = "{m}";
  const std::string payload(payload_bytes, 'x');
  message.payload = payload;
  message.reply_to_topic = "/mcafee/client/{a}";
  message.service_id = "{s}";
  std::string bytes;
  dxl::append_message(message, bytes);
  return bytes;
}

std::string body_of(std::uint8_t qos, const std::string& message) {
  std::string body("\0\2/t", 4);
  if (qos > 0) body += std::string("\x12\x34", 2);
  return body + message;
}

OversizePublish skip(std::uint8_t qos, const std::string& body, std::size_t step) {
  OversizePublish publish(
      {mqtt::PacketType::kPublish, static_cast<std::uint8_t>(qos << 1), 5, body.size()});
  // What follows the packet is not its own.
  const std::string stream = body + "next";
  std::size_t at = 0;
  while (!publish.done()) at += publish.feed(std::string_view(stream).substr(at, step));
  EXPECT_EQ(at, body.size());
  return publish;
}

TEST(OversizePublish, KeepsTopicIdAndEverythingButThePayloadHoweverItArrives) {
  for (const std::size_t payload : {0U, 10U, 300U, 70'000U, 1'500'000U}) {
    for (const std::size_t step : {1U, 7U, 4'096U, 20'000U, 10'000'000U}) {
      if (payload / step > 100'000) continue;
      const OversizePublish publish = skip(2, body_of(2, request_of(payload)), step);
      EXPECT_EQ(publish.topic(), "/t");
      EXPECT_EQ(publish.packet_id(), 0x1234);
      EXPECT_EQ(publish.message_without_payload(), request_of(0)) << payload << " by " << step;
    }
  }
}

TEST(OversizePublish, GivesNoMessageForWhatCannotBeRead) {
  std::string lying = request_of(2'000);
  lying.resize(lying.size() - 1'000);  // ends inside the payload it announces
  dxl::MessageView far_addressed;
  const std::vector<std::string_view> many(9'000, "{client}");
  far_addressed.client_ids = std::span(many);
  std::string far_bytes;
  dxl::append_message(far_addressed, far_bytes);
  dxl::MessageView long_tail;
  const std::string long_field(100'000, 'x');
  const std::vector<std::string_view> fields{"k", long_field};
  long_tail.other_fields = std::span(fields);
  std::string tail_bytes;
  dxl::append_message(long_tail, tail_bytes);
  for (const std::string& message :
       {std::string(100'000, 'x'), lying, far_bytes, tail_bytes, std::string()})
    EXPECT_EQ(skip(0, body_of(0, message), 5'000).message_without_payload(), std::nullopt);
}

TEST(OversizePublish, SurvivesEveryDamagedHead) {
  const std::string body = body_of(1, request_of(40));
  for (std::size_t i = 0; i < body.size(); ++i) {
    for (unsigned value = 0; value < 256; value += 5) {
      std::string damaged = body;
      damaged[i] = static_cast<char>(value);
      const auto left = skip(1, damaged, 16).message_without_payload();
      if (left) [[maybe_unused]]
        const auto message = dxl::decode_message(*left);
    }
    skip(1, body.substr(0, i), 3);
  }
}

}  // namespace
}  // namespace tiara::broker
