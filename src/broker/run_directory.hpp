// Where control.sock and ports.json of a running broker are: the directory STATE/run or, under a
// service manager, the one that it makes for the service and removes with it ($RUNTIME_DIRECTORY,
// systemd's RuntimeDirectory=). STATE/run is then a symbolic link to it, so that whoever knows the
// state finds them.
#pragma once

#include <optional>

#include "broker/state_directory.hpp"
#include "dxl/result.hpp"

namespace tiara::broker {

// Makes STATE/run what it has to be and removes what an earlier process left there. The lock keeps
// a second state out of the service manager's directory: kInUse. kStorage when it cannot be used.
// The caller holds the state's lock.
dxl::Result<std::optional<FileLock>> prepare_run_directory(const StatePaths& paths);

}  // namespace tiara::broker
