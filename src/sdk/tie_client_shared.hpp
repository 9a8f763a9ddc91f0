// What the copies of a tie::Client have in common.
#pragma once

#include "sdk/tie_batch.hpp"
#include "tie/client.hpp"

namespace tie {

struct Client::Shared {
  tiara::sdk::NoBatchUntil no_batch_get_until{0};
  tiara::sdk::NoBatchUntil no_batch_set_until{0};
};

}  // namespace tie
