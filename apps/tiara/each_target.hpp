// Runs a command over its arguments: prints each result, goes on after a failure that concerns one
// argument only, and sums up the exit codes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "tiara/targets.hpp"

namespace tiara::app {

struct TargetOutput {
  int exit_code = 0;
  std::string text;  // for people, with its newline
  std::string json;  // one object
};

int for_each_target(const std::vector<std::string>& arguments, bool json,
                    const std::function<dxl::Result<TargetOutput>(const Target&)>& run);

}  // namespace tiara::app
