#include "tiara/exit_code.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "base/printable.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

struct Row {
  ErrorCode error;
  int exit;
};
constexpr std::array<Row, 14> kTable{{
    {ErrorCode::kInvalidArgument, kExitUsage},
    {ErrorCode::kMalformed, kExitNoEffect},
    {ErrorCode::kLimitExceeded, kExitNoEffect},
    {ErrorCode::kConfiguration, kExitUsage},
    {ErrorCode::kConnect, kExitConnect},
    {ErrorCode::kTls, kExitTls},
    {ErrorCode::kNotConnected, kExitConnect},
    {ErrorCode::kTimedOut, kExitTimedOut},
    {ErrorCode::kNotAuthorised, kExitNotAuthorised},
    {ErrorCode::kPeer, kExitNoEffect},
    {ErrorCode::kUnavailable, kExitNoEffect},
    {ErrorCode::kStorage, kExitState},
    {ErrorCode::kInUse, kExitState},
    {ErrorCode::kCancelled, kExitNoEffect},
}};

}  // namespace

int exit_code(ErrorCode code) {
  const auto row =
      std::find_if(kTable.begin(), kTable.end(), [code](const Row& r) { return r.error == code; });
  return row == kTable.end() ? kExitNoEffect : row->exit;
}

void ExitCodes::add(int code) {
  const auto mild = [](int c) { return c == kExitOk || c == kExitNegative; };
  if (!any_)
    total_ = code;
  else if (code != total_)
    total_ = mild(code) && mild(total_) ? kExitNegative : kExitNoEffect;
  any_ = true;
}

int ExitCodes::total() const { return total_; }

int report(const dxl::Error& error) {
  std::string_view rest = error.message;
  std::string text;
  // Several mistakes of our own files stand on a line each; of a peer's text nothing is a line.
  if (error.code == ErrorCode::kConfiguration)
    for (std::size_t at; (at = rest.find('\n')) != std::string_view::npos;
         rest.remove_prefix(at + 1))
      text += base::printable(rest.substr(0, at)) + '\n';
  fmt::print(stderr, "tiara: {}{}\n", text, base::printable(rest));
  return exit_code(error.code);
}

}  // namespace tiara::app
