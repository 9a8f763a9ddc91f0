// What a directory holds, before RocksDB is let near it: it makes a new database wherever CURRENT
// is missing, and removes what it does not know.
#pragma once

#include <cstdint>
#include <filesystem>

#include "dxl/result.hpp"

namespace tiara::store {

enum class Presence : std::uint8_t {
  kNone,    // no directory, or nothing in it but what making a store leaves when it is interrupted
  kBroken,  // files, but no CURRENT: what they hold must not be replaced
  kThere,
};
// kStorage when the directory cannot be read.
dxl::Result<Presence> find_store(const std::filesystem::path& directory);

// kStorage with the remedy when it is kBroken.
dxl::Result<Presence> check_not_broken(const std::filesystem::path& directory);

}  // namespace tiara::store
