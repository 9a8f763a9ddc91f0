// Lookups as the service answers them, on one thread: the payload of a request goes into its
// dispatcher, the payload of the answer comes out; what the cache does not know is read at once,
// with the code of the read pool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/service_core.hpp"
#include "tie_records.hpp"

namespace tiara::bench {

// By which digests files are asked for.
enum class By : std::uint8_t { kMd5, kSha1, kSha256, kAll };
std::string_view to_string(By by);

struct Measured {
  std::uint64_t lookups = 0;
  double wall_seconds = 0, cpu_seconds = 0;  // of the lookups alone; of this thread
  double p50 = 0, p99 = 0, max = 0;          // microseconds
  double from_cache = 0;                     // share
  double known = 0;                          // share of files with a level
  std::uint64_t unanswered = 0;              // with an error
};

class Service final : service::DispatcherPorts {
 public:
  Service(std::unique_ptr<store::ReputationStore> store, std::size_t cached_digests);

  // The answer's payload; empty: none came.
  const std::string& ask(std::string_view payload);
  // `lookups` of files drawn at random from `span` records on from `first`.
  Measured measure(const Filling& filling, By by, std::uint64_t lookups, std::uint64_t first,
                   std::uint64_t span);
  // The time of one query that the slow reader would get, in seconds, and the size of its answer.
  double time_slow(const service::Query& query, std::size_t& bytes);

 private:
  void send(std::string_view topic, const dxl::MessageView& message) override;
  bool write(service::Command command) override;
  bool read(service::ReadTask task) override;

  base::SystemClock clock_;
  service::ServiceCore core_;
  service::Dispatcher dispatcher_;
  std::string answer_;
  std::uint64_t drawn_ = 0;
};

}  // namespace tiara::bench
