// A TIE client that remembers answers and keeps them true: looked up by any digest, dropped by
// change events, caught up through the updates topic (TIE reference §3.7, §6.11).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tie/client.hpp"

#pragma GCC visibility push(default)
namespace tie {

// Shared with the cache: no answer is copied. Never null in a Result.
using SharedReputations = std::shared_ptr<const Reputations>;

struct CacheOptions {
  // Files and certificates each. Beyond it, those not asked for lately go first.
  std::size_t max_subjects = 100'000;
  // How often the service is asked what changed, in case an event was lost. It is asked at once
  // after a reconnect and when a number is missing among the events' changeId.
  std::chrono::milliseconds catch_up_every{60'000};
  // An answer from the cache tells what the service knew at most so long ago, whatever gets lost on
  // the way; what cannot be confirmed in time is asked for again. With all events arriving, it is
  // as old as the event's way here. At least `catch_up_every`.
  std::chrono::milliseconds max_staleness{90'000};
  // Answers nobody asked for in so long are dropped.
  std::chrono::hours keep_unused{7 * 24};
  // Deadline of one question about changes.
  std::chrono::milliseconds catch_up_timeout{5'000};
};

// Since the cache was made.
struct CacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t not_kept = 0;   // answers that a change overtook: delivered, not remembered
  std::uint64_t dropped = 0;    // by an event, a list of changes, or age
  std::uint64_t holes = 0;      // missing events, by their changeId
  std::uint64_t catch_ups = 0;  // completed
  std::uint64_t failed_catch_ups = 0;
  std::size_t subjects = 0;  // now
};

// Thread-safe. An answer is remembered under the digests it was asked by, and given to everybody
// who asks by some of them. Errors are never remembered. A service that cannot list changes
// (0x80000001), or tells no time with its answers, makes the cache start empty again at each
// catch-up instead.
class CachingClient {
 public:
  // Subscribes to the changes of files and certificates; also before `client` is connected. The
  // dxl::Client must outlive this. kNotAuthorised: the broker refused a subscription.
  // kInvalidArgument: max_staleness below catch_up_every.
  static dxl::Result<std::unique_ptr<CachingClient>> create(const Client& client,
                                                            CacheOptions options = {});
  // Waits for a question about changes that is under way, at most catch_up_timeout. Not inside a
  // callback of a dxl::Client.
  ~CachingClient();

  // From memory, else as tie::Client. Errors are those of tie::Client.
  dxl::Result<SharedReputations> get_file_reputation(const FileHashes& hashes);
  dxl::Result<SharedReputations> get_certificate_reputation(const Certificate& certificate);
  // In the order of the questions; what is not remembered is asked for in batches.
  std::vector<dxl::Result<SharedReputations>> get_file_reputations(
      std::span<const FileHashes> files);

  // From memory alone; null if it is not there.
  SharedReputations find_file(const FileHashes& hashes);
  SharedReputations find_certificate(const Certificate& certificate);

  // Forgets everything, also what is on its way.
  void clear();
  CacheStats stats() const;

 private:
  struct Impl;
  explicit CachingClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tie
#pragma GCC visibility pop
