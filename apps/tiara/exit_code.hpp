// Exit codes of `tiara`: a contract with scripts.
#pragma once

#include "dxl/result.hpp"

namespace tiara::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitNegative = 1;  // a negative answer; `rep external`: aborted
inline constexpr int kExitUsage = 2;     // usage or bad configuration
inline constexpr int kExitConnect = 3;   // cannot connect or listen
inline constexpr int kExitTls = 4;
inline constexpr int kExitNotAuthorised = 5;
inline constexpr int kExitTimedOut = 6;
inline constexpr int kExitNoEffect = 7;  // partly failed or no effect; stderr has the reason
inline constexpr int kExitState = 8;     // state unusable or in use

int exit_code(dxl::ErrorCode code);

// Of several results: the common one; 1 when the others succeeded; else 7.
class ExitCodes {
 public:
  void add(int code);
  int total() const;  // 0 when nothing was added

 private:
  bool any_ = false;
  int total_ = kExitOk;
};

// Prints "tiara: <message>" on stderr; returns the exit code.
int report(const dxl::Error& error);

}  // namespace tiara::app
