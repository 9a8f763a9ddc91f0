// Sets as the service's writer commits them: synced, as many in a batch as are waiting.
#pragma once

#include <cstdint>
#include <memory>

#include "store/reputation_store.hpp"
#include "tie_records.hpp"

namespace tiara::bench {

struct Sets {
  std::uint64_t done = 0, failed = 0;
  double seconds = 0;
};
// `sets` of known files, with `outstanding` waiting at any time.
Sets time_sets(std::unique_ptr<store::ReputationStore> store, const Filling& filling,
               std::uint64_t sets, std::uint64_t outstanding);

}  // namespace tiara::bench
