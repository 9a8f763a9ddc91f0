// Identities of systems are compared without regard to case (TIE reference L11).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tiara::store {

// ASCII letters in lower case, everything else as it is.
inline std::string agent_key(std::string_view agent) {
  std::string key(agent);
  std::transform(key.begin(), key.end(), key.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return key;
}

}  // namespace tiara::store
