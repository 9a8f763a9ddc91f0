// What went wrong in the original TIE server (docs/security-lessons.md).
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"

namespace tiara::service {
namespace {

using dxl::MessageType;
using tie::TrustLevel;

// All levels there are of the file, as "3=99 15=70".
std::string levels(ServiceFixture& service) {
  std::string text;
  for (const tie::Reputation& entry : service.ask().entries)
    if (entry.trust_level != TrustLevel::kNotSet)
      text += std::to_string(static_cast<int>(entry.provider)) + "=" +
              std::to_string(static_cast<int>(entry.trust_level)) + " ";
  return text;
}

void send(ServiceFixture& service, std::string_view topic, MessageType type,
          std::string_view sender, std::string_view payload) {
  dxl::MessageView message;
  message.type = type;
  message.message_id = "{m}";
  message.request_message_id = "{m}";
  message.reply_to_topic = kReplyTopic;
  message.source_client_id = sender;
  message.payload = payload;
  service.dispatcher.on_message(topic, message);
  service.take();
}

std::string with_provider(std::string payload, std::string_view from, std::string_view to) {
  const std::size_t at = payload.find(from);
  EXPECT_NE(at, std::string::npos);
  return payload.replace(at, from.size(), to);
}

// CVE-2019-3641: crafted messages changed reputations by ways that were not meant for it. Here one
// message on one topic changes one provider, each of them a right of its own at the broker
// (fabric.LearntFrom.CVE_2026_95685_*); whatever else arrives changes nothing, whoever sends it.
TEST(LearntFrom, CVE_2019_3641_OnlyTwoKindsOfMessageChangeAReputationAndEachItsOwnProvider) {
  const std::string set = set_json(99), report = report_json(70);
  const std::string payloads[] = {
      set,
      report,
      with_provider(set, "\"providerId\":3", "\"providerId\":15"),
      with_provider(set, "\"providerId\":3", "\"providerId\":1"),
      with_provider(set, "\"providerId\":3", "\"providerId\":5"),
      with_provider(report, "\"id\":15", "\"id\":3"),
      with_provider(report, "\"id\":15", "\"id\":1"),
      get_json(false),
  };
  const std::string_view topics[] = {tie::kTopicFileReputation,
                                     tie::kTopicFileReputationSet,
                                     tie::kTopicReportOutcome,
                                     tie::kTopicExternalReport,
                                     tie::kTopicFileChange,
                                     tie::kTopicFileChangeBroadcast,
                                     "/mcafee/service/tie/cert/reputation/set",
                                     "/mcafee/service/tie/file/reputation/set/",
                                     "/mcafee/service/tie/file",
                                     "/mcafee/event/external/file/report/x",
                                     "/mcafee/client/{tie}",
                                     ""};
  std::size_t changed = 0;
  for (const std::string_view topic : topics)
    for (const MessageType type : {MessageType::kRequest, MessageType::kResponse,
                                   MessageType::kEvent, MessageType::kErrorResponse})
      for (const std::string_view sender : {std::string_view(), kAlice, kAdmin})
        for (const std::string& payload : payloads) {
          const bool is_set = topic == tie::kTopicFileReputationSet &&
                              type == MessageType::kRequest && payload == set;
          const bool is_report = topic == tie::kTopicExternalReport &&
                                 type == MessageType::kEvent && payload == report;
          std::string expected;
          if (is_set && !sender.empty()) expected = "3=99 ";
          if (is_report && !sender.empty()) expected = "15=70 ";
          ServiceFixture service;
          send(service, topic, type, sender, payload);
          EXPECT_EQ(levels(service), expected) << topic << " type " << static_cast<int>(type)
                                               << " from \"" << sender << "\" " << payload;
          changed += expected.empty() ? 0 : 1;
        }
  EXPECT_EQ(changed, 4U);
}

}  // namespace
}  // namespace tiara::service
