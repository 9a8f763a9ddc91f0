// Where an answer goes.
#pragma once

#include <string>
#include <string_view>

#include "base/ports.hpp"

namespace tiara::service {

// Where an answer goes (DXL reference §2.6), borrowed from the request or from a ReplyTo.
struct ReplyAddress {
  std::string_view topic;
  std::string_view request_message_id;
  std::string_view service_id;
  std::string_view broker_id;  // empty: unknown
  std::string_view client_id;  // connection if known, else certificate; empty: unknown
  base::SteadyTime arrived{};  // when the request came
};

// The same, kept while the answer is being made.
struct ReplyTo {
  std::string topic;
  std::string request_message_id;
  std::string service_id;
  std::string broker_id;
  std::string client_id;
  base::SteadyTime arrived{};

  ReplyTo() = default;
  explicit ReplyTo(const ReplyAddress& from)
      : topic(from.topic),
        request_message_id(from.request_message_id),
        service_id(from.service_id),
        broker_id(from.broker_id),
        client_id(from.client_id),
        arrived(from.arrived) {}
  ReplyAddress view() const {
    return {topic, request_message_id, service_id, broker_id, client_id, arrived};
  }
};

}  // namespace tiara::service
