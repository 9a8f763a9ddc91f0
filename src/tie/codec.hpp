// TIE payloads as JSON text (TIE reference §1, §3): strict bounded decoding, writing into a reused
// buffer. The parts, by who sends them.
#pragma once

#include <cstdint>

#include "tie/answers.hpp"
#include "tie/extensions.hpp"
#include "tie/reports.hpp"
#include "tie/requests.hpp"
#include "tie/rules.hpp"
#include "tie/topics.hpp"

namespace tie {

// Server version attribute (§5.5).
std::uint64_t pack_version(std::uint8_t major, std::uint8_t minor, std::uint16_t patch,
                           std::uint32_t build);

}  // namespace tie
