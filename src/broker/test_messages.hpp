// For tests: DXL messages as a client sends them.
#pragma once

#include <string>
#include <string_view>

#include "dxl/message_codec.hpp"

namespace tiara::broker {

inline std::string encoded(const dxl::MessageView& message) {
  std::string bytes;
  dxl::append_message(message, bytes);
  return bytes;
}

inline std::string event(std::string_view payload = "p") {
  dxl::MessageView message;
  message.message_id = "{event}";
  message.payload = payload;
  return encoded(message);
}

inline std::string request(std::string_view payload, std::string_view reply_to) {
  dxl::MessageView message;
  message.type = dxl::MessageType::kRequest;
  message.message_id = "{request}";
  message.payload = payload;
  message.reply_to_topic = reply_to;
  return encoded(message);
}

// The payload with which a service registers.
inline std::string registration(std::string_view id, std::string_view channel) {
  return std::string(R"({"serviceGuid":")")
      .append(id)
      .append(R"(","requestChannels":[")")
      .append(channel)
      .append(R"("],"ttlMins":60})");
}

}  // namespace tiara::broker
