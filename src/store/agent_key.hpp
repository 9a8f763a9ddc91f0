// Identities of systems, and the text of a search for names, are compared without regard to case
// (TIE reference L11).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tiara::store {

// ASCII letters in lower case, everything else as it is.
inline std::string fold_case(std::string_view text) {
  std::string folded(text);
  std::transform(folded.begin(), folded.end(), folded.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return folded;
}

inline std::string agent_key(std::string_view agent) { return fold_case(agent); }

}  // namespace tiara::store
