// `{uuid}` message ids without an allocation each.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/ports.hpp"

namespace tiara::session {

class MessageIdMaker {
 public:
  explicit MessageIdMaker(base::Random& random) : random_(random) {}

  // A new lower-case version 4 UUID in braces; valid until the next call.
  std::string_view next() {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::uint64_t bits = 0;
    for (int digit = 0, at = 1; digit < 32; ++digit, ++at) {
      if (digit % 16 == 0) bits = random_.next();
      auto value = static_cast<unsigned>(bits & 15);
      bits >>= 4;
      if (digit == 8 || digit == 12 || digit == 16 || digit == 20) ++at;  // keep the hyphen
      if (digit == 12) value = 4;                                         // version
      if (digit == 16) value = 8 | (value & 3);                           // variant
      text_[static_cast<std::size_t>(at)] = kDigits[value];
    }
    return {text_.data(), text_.size()};
  }

 private:
  base::Random& random_;
  std::array<char, 38> text_ = {'{', '0', '0', '0', '0', '0', '0', '0', '0', '-', '0', '0', '0',
                                '0', '-', '0', '0', '0', '0', '-', '0', '0', '0', '0', '-', '0',
                                '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '}'};
};

}  // namespace tiara::session
