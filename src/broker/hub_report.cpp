// What a hub tells of itself: lines of the log and its counters.
#include <algorithm>

#include "base/log.hpp"
#include "broker/hub.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;

constexpr std::string_view kArea = "broker";
constexpr std::size_t kTopicBytesInLog = 200;

}  // namespace

void Hub::log_state() const {
  const std::string state = router_.describe_state();
  for (std::string_view rest = state; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    base::log(LogLevel::kInfo, kArea, "state: {}", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

// The first of its kind on a connection only; the rest is counted and told when it closes.
void Hub::note_refusal(ClientConnection& client, fabric::Refusal refusal, std::string_view topic) {
  if (refusal == fabric::Refusal::kNone) return;
  refused_.add();
  refusals_[static_cast<std::size_t>(refusal)].add();
  if (!client.note_refusal(refusal)) return;
  // Nobody there is the requester's business, and it is told.
  const LogLevel level =
      refusal == fabric::Refusal::kNoDestination ? LogLevel::kDebug : LogLevel::kWarning;
  const std::string_view detail = router_.refusal_detail();
  const std::string_view shown = topic.substr(0, kTopicBytesInLog);
  const std::string_view rule = fabric::to_string(refusal);
  base::log_event(level, kArea, "message.refused", client.subject(),
                  {{"client", client.label()},
                   {"thumbprint", client.thumbprint()},
                   {"name", client.name()},
                   {"rule", rule},
                   {"topic", shown}},
                  fmt::format("client {}: message to {} refused ({}){}{}", client.label(), shown,
                              rule, detail.empty() ? "" : ": ", detail));
}

Hub::Status Hub::status() const {
  Status status;
  status.connections = router_.connection_count();
  status.services = router_.service_count();
  status.messages_in = messages_in_.value();
  status.messages_out = messages_out_.value();
  status.refused_publishes = refused_.value();
  status.dropped_messages = dropped_.value();
  status.connects = connects_.value();
  status.bytes_in = bytes_in_.value();
  status.bytes_out = bytes_out_.value();
  for (std::size_t i = 0; i < refusals_.size(); ++i) status.refusals[i] = refusals_[i].value();
  return status;
}

}  // namespace tiara::broker
