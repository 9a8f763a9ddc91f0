// What changed since a time (TIE reference §3.7): which cached subjects to drop after an outage.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tie/hash.hpp"

#pragma GCC visibility push(default)
namespace tie {

inline constexpr std::int64_t kMaxQueryLimit = 5'000;

struct GetUpdates {
  std::int64_t since = 0;  // seconds since 1970 UTC: the last `server_time` received
  std::optional<std::int64_t> query_limit{};  // 1..kMaxQueryLimit; nullopt: the service decides
  std::optional<bool> targeted{};  // only what this client asked about, and what is prevalent
  // targetTypes: which classes are wanted, and which type of digest. Without it both are, with the
  // default order of types.
  bool files = true;
  bool certificates = true;
  enum class FileType : std::uint8_t { kAny, kMd5, kSha1, kSha256 } file_type = FileType::kAny;
};

// One page. One digest per file, in the wanted type or the first of SHA-1, MD5, SHA-256.
struct Updates {
  std::vector<FileHashes> files;
  std::vector<Sha1> certificates;
  std::int64_t latest_update_time = 0;
  bool more = false;             // props.queryLimitExceeded
  std::int64_t server_time = 0;  // only sent with it
  friend bool operator==(const Updates&, const Updates&) = default;
};

}  // namespace tie
#pragma GCC visibility pop
