// Packets written by hand from the MQTT specifications, for the tests of this folder.
#pragma once

#include <string_view>
#include <vector>

#include "mqtt/packet.hpp"

namespace tiara::mqtt {

struct Sample {
  const char* name;
  Version version;  // of the connection
  std::string_view bytes;
};

// One valid packet of every type, in every form that decodes differently.
const std::vector<Sample>& valid_samples();

}  // namespace tiara::mqtt
