// Event callbacks by filter (DXL reference §4.4). Thread-safe; callbacks run without a lock held.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "dxl/message.hpp"
#include "sdk/revocable.hpp"

namespace tiara::sdk {

using EventEntry = Revocable<dxl::Event>;

class EventCallbacks {
 public:
  void add(const std::string& filter, std::shared_ptr<EventEntry> entry);
  void remove(const std::string& filter, const std::shared_ptr<EventEntry>& entry);

  // Distinct filters that match: the broker sends one copy of an event for each (§1.1).
  std::size_t count_filters(std::string_view topic) const;
  // Entries of the exact topic, then those of wildcards, the nearest first; each in order of
  // registration. `/a/#` is no wildcard of `/a`, though the broker sends that too.
  std::vector<std::shared_ptr<EventEntry>> find(std::string_view topic) const;

 private:
  using Entries = std::vector<std::shared_ptr<EventEntry>>;
  struct Wildcard {
    std::string filter;
    Entries entries;
  };
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string, Entries> exact_;
  std::vector<Wildcard> wildcards_;
};

}  // namespace tiara::sdk
