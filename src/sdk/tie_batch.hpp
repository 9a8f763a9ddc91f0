// Many questions to a service in one go (extensions.md): in batches where it can, else one by one
// with many on their way.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/client.hpp"
#include "dxl/result.hpp"

namespace tiara::sdk {

// What is asked, and where the answers go. Items are named by their place.
class BatchJob {
 public:
  using Items = std::vector<std::size_t>;
  virtual ~BatchJob() = default;

  virtual std::string_view batch_topic() const = 0;
  virtual std::string_view single_topic() const = 0;
  virtual bool is_read() const = 0;  // may be asked twice
  virtual void encode_batch(std::span<const std::size_t> items, std::string& out) const = 0;
  virtual void encode_single(std::size_t item, std::string& out) const = 0;
  // Keeps what the answer says of each of `items`, and returns those that the service was too busy
  // for. An Error: the answer says nothing.
  virtual dxl::Result<Items> take_batch(std::span<const std::size_t> items,
                                        std::string_view answer) = 0;
  virtual dxl::Result<void> take_single(std::size_t item, std::string_view answer) = 0;
  virtual void fail(std::size_t item, const dxl::Error& why) = 0;
};

// Below what our service takes in one message (kMaxBatchItems, 1 MiB with all attributes); several
// on their way keep it and the network busy at the same time.
inline constexpr std::size_t kChunkItems = 500;
inline constexpr std::size_t kChunksOnTheirWay = 4;
inline constexpr std::size_t kSinglesOnTheirWay = 64;

// Until when a service without the batch topic is not asked for it again; steady clock, 0: never
// asked. Shared by all calls of a client.
using NoBatchUntil = std::atomic<std::chrono::steady_clock::rep>;

// Blocks until each of `items` was kept or failed. Any thread, also inside callbacks.
void run_batch(dxl::Client& client, BatchJob& job, BatchJob::Items items,
               std::chrono::milliseconds timeout, NoBatchUntil& no_batch_until);

}  // namespace tiara::sdk
