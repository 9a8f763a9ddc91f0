// What `tiara auth` reads out of a policy and says about it, without touching a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/topicauth_file.hpp"
#include "dxl/result.hpp"
#include "fabric/authorization.hpp"
#include "fabric/revocation.hpp"

namespace tiara::app {

// kInvalidArgument naming an unknown group and listing the known ones, the policy's own included.
dxl::Result<void> check_group(const fabric::Policy& policy, std::string_view group);

// The profile, groups (with the count of all members), the members that are to be shown (who is
// revoked is marked) and rules; tables for people, ending with a newline, or one object without.
std::string policy_text(const broker::LoadedPolicy& loaded,
                        const std::vector<fabric::Member>& shown,
                        const fabric::RevocationList& revoked);
std::string policy_json(const broker::LoadedPolicy& loaded,
                        const std::vector<fabric::Member>& shown,
                        const fabric::RevocationList& revoked);

// What `explain` answered about one client and topic.
struct TestedTopic {
  std::string client;
  fabric::Direction direction = fabric::Direction::kSend;
  std::string topic;
  fabric::Verdict verdict;
};
// One line without newline: "client sandbox may not send to /t: not in group \"G\"".
std::string verdict_text(const TestedTopic& tested);
std::string verdict_json(const TestedTopic& tested);

}  // namespace tiara::app
