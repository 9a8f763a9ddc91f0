// What holds for every payload: limits and codes of refusal (TIE reference §1.6, §12.2 L14).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tie/service_error.hpp"  // a failed decode carries one in Error::peer_code

namespace tie {

inline constexpr std::size_t kMaxPayloadBytes = 1024 * 1024;
// Of an answer: with the message around it, it must pass a broker that takes 1 MiB.
inline constexpr std::size_t kMaxAnswerBytes = kMaxPayloadBytes - 16 * 1024;
inline constexpr std::size_t kMaxStringBytes = 64 * 1024;
inline constexpr std::size_t kMaxDepth = 32;
inline constexpr std::size_t kMaxNameCharacters =
    500;  // names, paths and comments are cut, not refused

// Why an External report is dropped (§3.15); to_string gives the counter's and log's name.
enum class ReportRefusal : std::uint8_t {
  kDisabled,
  kUnauthorized,
  kMalformed,
  kProvider,
  kLevel,
  kHashes,
  kFilename
};
std::string_view to_string(ReportRefusal refusal);

}  // namespace tie
