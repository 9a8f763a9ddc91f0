// Measures which of several addresses answers first, by bare TCP connects at the same time (DXL
// reference §3.4).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/loop.hpp"

namespace tiara::sdk {

struct Address {
  std::string host;
  std::uint16_t port;
};

// Addresses probed at a time, and at all; those beyond keep their place behind.
inline constexpr std::size_t kMaxProbes = 32;
// Connect times that differ by less than this count as one: the order of the file decides.
inline constexpr std::chrono::milliseconds kProbeResolution{5};

// Indexes of `times` as one should try them: those that answered, fastest first, then the others;
// among equals the order of the file. nullopt: no answer.
std::vector<std::size_t> order_by_time(
    const std::vector<std::optional<std::chrono::steady_clock::duration>>& times);

// `done` once, in a later turn, with such an order: when all have answered or failed, at the latest
// after `deadline`, and soon after the first answer: whoever needs much longer is not the fastest.
// Loop's thread only.
void probe_addresses(net::Loop& loop, const std::vector<Address>& addresses,
                     std::chrono::milliseconds deadline,
                     std::function<void(std::vector<std::size_t> order)> done);

}  // namespace tiara::sdk
