// How every fallible call of the DXL and TIE libraries reports failure. Nothing here throws.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#pragma GCC visibility push(default)
namespace dxl {

// What kind of failure it was: what a program may branch on. The message is for people.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // the caller passed something that can never work
  kMalformed,        // bytes from outside do not follow their format
  kLimitExceeded,    // a named limit was hit; the message names it
  kConfiguration,    // a configuration file is missing, unreadable or wrong
  kConnect,          // no broker could be reached, or a listener could not be opened
  kTls,              // certificate, key or handshake
  kNotConnected,     // there is no connection at the moment
  kTimedOut,         // the deadline passed first
  kNotAuthorised,    // the peer refused this certificate
  kPeer,             // the peer answered with an error; see peer_code
  kUnavailable,      // overloaded or shutting down; trying later may work
  kStorage,          // the disk or the store refused
  kInUse,            // somebody else holds the state directory
  kCancelled,        // the caller gave up, or the object is being destroyed
};

// Stable lower-case name of a code, for logs and JSON ("timed_out").
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;
  // DXL error code as sent by the peer, unsigned as in the DXL reference §4.7; 0 if none was sent.
  std::uint32_t peer_code = 0;
};

// A value or an Error. Derived rather than an alias so that ignoring one is a compiler warning.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

// `return fail(ErrorCode::kMalformed, "…");` works in any function that returns a Result.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message,
                                  std::uint32_t peer_code = 0) {
  return tl::unexpected<Error>(Error{code, std::move(message), peer_code});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace dxl
#pragma GCC visibility pop
