// What the service counts. Written by its own threads, read by anybody.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "service/histogram.hpp"
#include "tie/codec.hpp"

namespace tiara::service {

struct Counters {
  static constexpr std::size_t kRefusals = 7;  // of tie::ReportRefusal

  std::atomic<std::uint64_t> lookups{0};
  std::atomic<std::uint64_t> sets{0};
  std::atomic<std::uint64_t> change_events{0};
  std::atomic<std::uint64_t> uncounted_lookups{0};  // answered, but the writer's queue was full
  std::atomic<std::uint64_t> digest_conflicts{0};   // §6.10 rule 4
  std::atomic<std::uint64_t> reports_accepted{0};
  std::atomic<std::uint64_t> reports_unchanged{0};
  std::atomic<std::uint64_t> reports_unavailable{0};
  std::array<std::atomic<std::uint64_t>, kRefusals> reports_refused{};
  Histogram answer_times;               // from a request to its answer or error
  std::atomic<bool> store_works{true};  // the last commit worked
};

}  // namespace tiara::service
