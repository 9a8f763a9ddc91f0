// Reading everything that `tiara up` would read from a state, without starting anything.
#pragma once

#include <string>
#include <vector>

#include "broker/state_directory.hpp"
#include "dxl/result.hpp"
#include "tiara/state_settings.hpp"

namespace tiara::app {

// Settings, policies, keystore, lists of what is revoked, the administrator's password. The
// warnings, or kConfiguration with all that is wrong, a line each. A state that is not there yet is
// fine: the first start makes it. Nothing is changed.
dxl::Result<std::vector<std::string>> check_config(const broker::StatePaths& paths,
                                                   const SettingSources& sources);

// Prints the outcome; an exit code.
int print_check(const broker::StatePaths& paths, const SettingSources& sources);

}  // namespace tiara::app
