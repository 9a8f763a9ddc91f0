// Reading everything that `tiara up` would read from a state, without starting anything.
#pragma once

#include "broker/state_directory.hpp"
#include "dxl/result.hpp"
#include "tiara/state_settings.hpp"

namespace tiara::app {

// kConfiguration with all that is wrong, a line each. A state that is not there yet is fine: the
// first start makes it.
dxl::Result<void> check_config(const broker::StatePaths& paths, const SettingSources& sources);

}  // namespace tiara::app
