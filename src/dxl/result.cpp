#include "dxl/result.hpp"

namespace dxl {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kMalformed:
      return "malformed";
    case ErrorCode::kLimitExceeded:
      return "limit_exceeded";
    case ErrorCode::kConfiguration:
      return "configuration";
    case ErrorCode::kConnect:
      return "connect";
    case ErrorCode::kTls:
      return "tls";
    case ErrorCode::kNotConnected:
      return "not_connected";
    case ErrorCode::kTimedOut:
      return "timed_out";
    case ErrorCode::kNotAuthorised:
      return "not_authorised";
    case ErrorCode::kPeer:
      return "peer";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kStorage:
      return "storage";
    case ErrorCode::kInUse:
      return "in_use";
    case ErrorCode::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace dxl
