// Which connections subscribe to what, and who matches a topic: exact filters in a hash map, `+`
// and `#` in a trie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/identity.hpp"

namespace tiara::fabric {

class Subscriptions {
 public:
  Subscriptions();
  ~Subscriptions();

  // False if the connection already has this very filter.
  bool add(ConnectionId connection, std::string_view filter);
  bool remove(ConnectionId connection, std::string_view filter);
  // The filters the connection had, sorted.
  std::vector<std::string> remove_all(ConnectionId connection);
  std::size_t count(ConnectionId connection) const;
  // Of its filters: their lengths and the squares of their levels, summed.
  std::size_t bytes(ConnectionId connection) const;

  // Appends each matching connection once, however many of its filters match (one copy per client),
  // in an order that is stable between changes. Allocates nothing when `out` is warm.
  void match(std::string_view topic, std::vector<ConnectionId>& out) const;
  // How many subscriptions match: all filters of a connection count.
  std::size_t count_matching(std::string_view topic) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiara::fabric
