// What the service counts. Written by its own threads, read by anybody.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/histogram.hpp"
#include "service/verdict.hpp"
#include "tie/codec.hpp"

namespace tiara::service {

struct Counters {
  using Count = std::atomic<std::uint64_t>;
  static constexpr std::size_t kRefusals = 7;        // of tie::ReportRefusal
  static constexpr std::size_t kServiceErrors = 10;  // of tie::ServiceError, from 1

  Count lookups{0};                         // of files, batches item by item
  Count cert_lookups{0};                    // of certificates
  Count cache_hits{0};                      // file lookups answered where they arrived
  Count queries{0};                         // everything else that is asked
  std::array<Count, kVerdicts> verdicts{};  // file lookups by what decided (verdict.hpp)
  Count sets{0};
  Count batch_sets{0};
  Count metadata{0};
  Count sandbox_reports{0};
  Count sandbox_refused{0};
  Count purged{0};             // records that went because of their age
  Count uncounted_lookups{0};  // answered, but the writer's queue was full
  Count digest_conflicts{0};   // §6.10 rule 4
  Count reports_accepted{0};
  Count reports_unchanged{0};
  Count reports_unavailable{0};
  std::array<Count, kRefusals> reports_refused{};
  std::array<Count, kServiceErrors> errors{};  // error answers by code
  // Events sent.
  Count change_events{0};
  Count first_instance_events{0};
  Count prevalence_events{0};
  Count detection_events{0};

  base::Histogram answer_times;         // from a request to its answer or error
  base::Histogram commit_times;         // of the store
  base::Histogram read_times;           // of queries that were not answered from the cache
  std::atomic<bool> store_works{true};  // the last commit worked

  // A change counts once, although it goes out on two topics.
  void count_event(std::string_view topic) {
    if (topic == tie::kTopicFileChangeBroadcast || topic == tie::kTopicCertChangeBroadcast) {
      change_events.fetch_add(1);
    } else if (topic == tie::kTopicFileFirstInstance) {
      first_instance_events.fetch_add(1);
    } else if (topic == tie::kTopicFilePrevalence) {
      prevalence_events.fetch_add(1);
    } else if (topic == tie::kTopicFileDetection) {
      detection_events.fetch_add(1);
    }
  }
};

}  // namespace tiara::service
