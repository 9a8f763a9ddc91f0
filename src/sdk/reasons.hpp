// Why the addresses of a fabric could not be reached, each reason once.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tiara::sdk {

class Reasons {
 public:
  void clear();
  // `peer` may be empty: the words name it, or there was none.
  void add(const std::string& peer, const std::string& why);
  // "[::1]:8883, 127.0.0.1:8883: it is revoked; cannot connect to c:8883: refused", in the order in
  // which they came.
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons_;  // and its peers
};

}  // namespace tiara::sdk
