// STATE/store-id: that a store was made, remembered beside it. An absent or empty store directory
// is then a disk that is not mounted, or a store that was lost, and no reason to begin with
// nothing.
#pragma once

#include <filesystem>
#include <string>

#include "dxl/result.hpp"

namespace tiara::app {

inline std::filesystem::path store_mark(const std::filesystem::path& state) {
  return state / "store-id";
}

// kStorage with the remedy when `mark` is there and no store in `store`.
dxl::Result<void> check_store_kept(const std::filesystem::path& mark,
                                   const std::filesystem::path& store);
// Once the store is open; `id` is for people.
dxl::Result<void> mark_store(const std::filesystem::path& mark, const std::string& id);

}  // namespace tiara::app
