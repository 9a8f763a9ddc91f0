// Hash containers keyed by text that are searched with std::string_view. Debian's Abseil has a
// string_view of its own, so its default hash does not take the standard one. Seeded per process:
// a peer cannot prepare keys that collide.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/node_hash_map.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace tiara::base {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return absl::Hash<absl::string_view>{}(absl::string_view(text.data(), text.size()));
  }
};

struct TextEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

template <class Value>
using TextMap = absl::flat_hash_map<std::string, Value, TextHash, TextEqual>;
template <class Value>
using StableTextMap = absl::node_hash_map<std::string, Value, TextHash, TextEqual>;
using TextSet = absl::flat_hash_set<std::string, TextHash, TextEqual>;
using BorrowedTextSet = absl::flat_hash_set<std::string_view, TextHash, TextEqual>;

}  // namespace tiara::base
