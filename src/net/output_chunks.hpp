// What a connection has not sent yet, in chunks: a backlog costs what it holds, not the doubling of
// one long string. One thread, the loop's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "net/stream.hpp"

namespace tiara::net {

class Loop;

class OutputChunks {
 public:
  // The string to append whole packets to; good until the next call. Its buffer may come from
  // `loop`.
  std::string& end(Loop& loop);

  // The oldest unsent bytes, as far as they lie together; empty if there are none.
  std::string_view front() const;
  // So many of front() are sent.
  void consume(std::size_t count);
  // Leaves no more memory than the unsent bytes need, or next to none; spare buffers go to `loop`.
  void trim(Loop& loop);
  void clear();

  std::size_t unsent() const { return sealed_bytes_ + chunk_.size() - sent_; }
  std::size_t held_bytes() const { return sealed_held_ + heap_bytes(chunk_); }

 private:
  void seal();

  std::vector<std::string> sealed_;  // full chunks, oldest first
  std::string chunk_;                // behind them
  std::size_t sealed_bytes_ = 0, sealed_held_ = 0;
  std::size_t sent_ = 0;  // prefix of the first chunk that is gone already
};

}  // namespace tiara::net
