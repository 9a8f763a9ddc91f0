// What a rotation of the CAs means for the policy: whoever is admitted by his CA's thumbprint is
// admitted before, during and after. The keystore notes what the policy is still to be told, in the
// same step as it changes the CAs, so that nothing is forgotten by a program that is killed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "broker/state_directory.hpp"
#include "dxl/result.hpp"
#include "fabric/identity.hpp"

namespace tiara::broker {

struct ReplacedCa {
  fabric::Thumbprints old, now;
};
// Client CA, then broker CA. Empty when no rotation is under way.
dxl::Result<std::vector<ReplacedCa>> find_replaced_cas(const std::filesystem::path& keystore);

// Before the first step: whether authorization.toml can be edited where it names the present CAs.
dxl::Result<void> check_policy_editable(const StatePaths& paths);

// Before the last: kConfiguration when a policy file names an old CA and not the new one beside it;
// its clients would be left without what the others have. Says what to write.
dxl::Result<void> check_policy_names_new_cas(const StatePaths& paths);

// Does what the keystore has noted and returns what was added, in the words of add_successor(). The
// caller holds the keystore's lock; this takes the policy's.
dxl::Result<std::vector<std::string>> settle_policy(const StatePaths& paths);

}  // namespace tiara::broker
