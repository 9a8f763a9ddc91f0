// What a TIE service may refuse with, and who refused (TIE reference §1.6).
#pragma once

#include <cstdint>

#include "dxl/result.hpp"

#pragma GCC visibility push(default)
namespace tie {

// Codes of our service. Open: the product's are not public, and the open stand-ins send 0 for a
// file that they do not know.
enum class ServiceError : std::uint32_t {
  kBadRequest = 1,
  kBadHashes = 2,
  kBadTrustLevel = 3,
  kBadProvider = 4,
  kBadParameter = 5,
  kNotAuthorised = 6,
  kTooManyRequests = 7,
  kUnavailable = 8,
  kNotSupported = 9,
};

// Who an Error of a call comes from. Codes with bit 31 set are the fabric's, whatever sign a
// library gave them: 0x80000001 and -2147483647 are one code.
enum class ErrorSource : std::uint8_t { kClient, kFabric, kService };
ErrorSource source_of(const dxl::Error& error);

// "service error 0": how the open stand-ins answer a lookup of a file that they do not know, where
// the product answers with levels of 0 (§9).
bool is_unknown_to_stand_in(const dxl::Error& error);

}  // namespace tie
#pragma GCC visibility pop
