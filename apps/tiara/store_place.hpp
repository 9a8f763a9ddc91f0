// Which store a command means: of a state, or a directory by itself.
#pragma once

#include <filesystem>

#include "dxl/result.hpp"

namespace tiara::app {

struct StorePlace {
  std::filesystem::path state;  // of `tiara up` or `tiara server`; empty: `store` is given
  std::filesystem::path store;
  friend bool operator==(const StorePlace&, const StorePlace&) = default;

  std::filesystem::path directory() const { return state.empty() ? store : state / "store"; }
};

// kStorage when there is none, naming what would help.
dxl::Result<void> check_store_is_there(const StorePlace& place);

}  // namespace tiara::app
