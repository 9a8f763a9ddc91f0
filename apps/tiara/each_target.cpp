#include "tiara/each_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "tiara/exit_code.hpp"
#include "tiara/output.hpp"

namespace tiara::app {
namespace {

// What would fail for every further argument as well.
bool concerns_all(dxl::ErrorCode code) {
  using dxl::ErrorCode;
  constexpr std::array kCodes{ErrorCode::kConnect,       ErrorCode::kTls,
                              ErrorCode::kNotConnected,  ErrorCode::kTimedOut,
                              ErrorCode::kNotAuthorised, ErrorCode::kCancelled};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

}  // namespace

int for_each_target(const std::vector<std::string>& arguments, bool json,
                    const std::function<dxl::Result<TargetOutput>(const Target&)>& run) {
  const bool several = arguments.size() > 1;
  JsonResults results(several);
  ExitCodes codes;
  for (const std::string& argument : arguments) {
    const auto target = parse_target(argument);
    const auto output =
        target ? run(*target) : dxl::Result<TargetOutput>(dxl::fail(target.error()));
    if (output) {
      codes.add(output->exit_code);
      if (json)
        results.add(output->json);
      else
        fmt::print("{}", output->text);
      continue;
    }
    // The parser's message names the argument already.
    dxl::Error error = output.error();
    if (several && target) error.message = argument + ": " + error.message;
    codes.add(report(error));
    if (several) results.add(error_json(argument, output.error()));
    if (concerns_all(error.code)) break;
  }
  if (json) results.print();
  return codes.total();
}

}  // namespace tiara::app
