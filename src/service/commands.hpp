// What travels between the network thread, the read pool and the writer thread: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ports.hpp"
#include "tie/codec.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

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

struct SetCommand {
  ReplyTo reply{};
  tie::SetFileReputation set;
};

struct ReportCommand {
  std::string message_id;
  std::string sender;  // certificate; empty: unknown
  tie::ExternalReport report;
};

// A lookup that is not answered from the cache, and the counting of one that was.
struct LookupCommand {
  ReplyTo reply{};
  bool answered = false;  // only to be counted
  tie::FileHashes hashes;
  std::string agent;  // empty: a pure read (L4, L11)
};

using Command = std::variant<SetCommand, ReportCommand, LookupCommand>;

inline const tie::FileHashes& hashes_of(const Command& command) {
  if (const auto* set = std::get_if<SetCommand>(&command)) return set->set.hashes;
  if (const auto* report = std::get_if<ReportCommand>(&command)) return report->report.hashes;
  return std::get<LookupCommand>(command).hashes;
}

struct Publication {
  std::string_view topic;  // one of codec.hpp's
  std::string payload;
};

// What became of a command; everything to be sent for it, in order: answer, then events (L13).
struct Completed {
  Command command;
  bool failed = false;  // nothing was changed
  tie::ServiceError error = tie::ServiceError::kUnavailable;
  std::string text{};  // of the answer, or of the error
  std::vector<Publication> events{};
  bool changed = false;   // a level changed
  std::int64_t time = 0;  // of the commit
};

}  // namespace tiara::service
