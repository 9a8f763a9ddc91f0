// A dxl::Client on a FakeBroker, with back-offs that fit a test.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "dxl/client.hpp"
#include "sdk/client_impl.hpp"
#include "sdk/fake_broker.hpp"

namespace tiara::sdk {

inline dxl::ClientOptions quick_options() {
  dxl::ClientOptions options;
  options.connect_timeout = kPatience;
  options.reconnect_first = std::chrono::milliseconds(5);
  options.reconnect_max = std::chrono::milliseconds(20);
  return options;
}

inline std::unique_ptr<dxl::Client> make_client(FakeBroker& broker,
                                                const dxl::ClientOptions& options = quick_options(),
                                                std::size_t addresses = 1) {
  return dxl::Client::Impl::make(
      dxl::ClientId{"{me}"}, options,
      {.connector = broker.connector(), .begin_pass = {}, .addresses = addresses});
}

inline constexpr const char* kReplyTopic = "/mcafee/client/{me}";

inline dxl::Request request_to(const std::string& topic, const std::string& payload = "") {
  dxl::Request request;
  request.topic = topic;
  request.payload = payload;
  return request;
}

inline dxl::Event event_on(const std::string& topic, const std::string& payload = "") {
  dxl::Event event;
  event.topic = topic;
  event.payload = payload;
  return event;
}

// "response payload", "error 5 text" or "failed timed_out".
inline std::string describe(const dxl::Result<dxl::Reply>& reply) {
  if (!reply) return "failed " + std::string(dxl::to_string(reply.error().code));
  if (const auto* response = std::get_if<dxl::Response>(&*reply)) {
    return "response " + response->payload;
  }
  const auto& error = std::get<dxl::ErrorResponse>(*reply);
  return "error " + std::to_string(error.error_code) + " " + error.error_message;
}

}  // namespace tiara::sdk
