// `{"reputations":[…],"props":{…}}` as answers, events and batches hold it.
#pragma once

#include "dxl/json.hpp"
#include "tie/payload_reader.hpp"
#include "tie/reputation.hpp"

namespace tie {

// Forgiving as answers.hpp says. `object` must be an object.
Reputations read_reputations(const dxl::JsonValue& object, Findings& findings);

}  // namespace tie
