// A store full of records that a seed and a number give: filled once, asked for by anybody who
// knows both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "dxl/result.hpp"
#include "reputation/record.hpp"
#include "store/reputation_store.hpp"

namespace tiara::bench {

// What a store was filled with. `tie_bench fill` keeps it beside the store, for `tie_bench run`.
struct Filling {
  std::uint64_t records = 10'000'000;
  std::uint64_t seed = 1;
  bool only_sha256 = false;
  bool names = false;                // one of 16 bytes in each record
  std::uint64_t every_change = 0;    // each so manyth record has a change event; 0: none
  std::uint64_t every_override = 0;  // each so manyth is signed by kSigner and has an override
  std::int64_t day = 0;              // of last use; the day of the filling, or retention takes all
  friend bool operator==(const Filling&, const Filling&) = default;
};

// Of record `index`; beyond `records`: of a file that the store does not know.
tie::FileHashes hashes_of(const Filling& filling, std::uint64_t index);
reputation::FileRecord record_of(const Filling& filling, std::uint64_t index);
// The certificate that signed every signed file.
tie::Sha1 signer_of(const Filling& filling);
// The time of record `index`'s change event.
inline std::int64_t change_time(std::uint64_t index) {
  return 1'700'000'000 + static_cast<std::int64_t>(index);
}

// A cheap random sequence that is the same everywhere.
inline std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
  value = (value ^ value >> 27) * 0x94d049bb133111ebU;
  return value ^ value >> 31;
}

// Nullopt: the directory was not filled by us, or not to the end.
std::optional<Filling> read_filling(const std::filesystem::path& directory);
// Through the store's own interface, with progress on stderr, then compacts. The directory must be
// empty or absent.
dxl::Result<void> fill(const std::filesystem::path& directory, const Filling& filling);
// Where the store is in a filled directory.
inline std::filesystem::path store_of(const std::filesystem::path& directory) {
  return directory / "store";
}

}  // namespace tiara::bench
