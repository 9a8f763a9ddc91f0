// For tests: MQTT conversations written down as data, see tests/fixtures/mqtt/README.md. The bytes
// are made here and not by the broker's own codec.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::broker {

// Bytes to send or to expect; an expected byte may be anything.
struct Pattern {
  std::string bytes;
  std::vector<std::size_t> any;  // the places where that is so, ascending

  bool matches_start_of(std::string_view text) const;
};

struct Step {
  enum class Kind : std::uint8_t { kSend, kExpect, kClosed, kDrop, kSkip };
  std::size_t line = 0;
  std::string peer;
  Kind kind = Kind::kSend;
  Pattern pattern;                   // kSend, kExpect; of kSkip the start of a topic
  std::chrono::seconds patience{0};  // kClosed; 0: the runner's own
};

// kMalformed names the line.
dxl::Result<std::vector<Step>> parse_conversation(std::string_view text);

// The same conversation with everything a peer sends in a row joined into one piece, where nobody
// else says or hears anything in between.
std::vector<Step> merge_sends(const std::vector<Step>& steps);

std::string to_hex_dump(std::string_view bytes);

}  // namespace tiara::broker
