#include "net/output_chunks.hpp"

#include <utility>

#include "net/loop.hpp"

namespace tiara::net {
namespace {

// Capacity an idle connection may keep.
constexpr std::size_t kIdleCapacity = 512;
// A chunk of this size is sealed and a new one begun.
constexpr std::size_t kChunkBytes = 256 * 1024;
// What a chunk that is half full gets at once: the last packet fits in as well, as a rule, and
// nothing has to be shrunk.
constexpr std::size_t kChunkCapacity = kChunkBytes + 32 * 1024;
// What a peer that does not read may cost beyond its backlog.
constexpr std::size_t kSlack = 4 * 1024;

}  // namespace

std::string& OutputChunks::end(Loop& loop) {
  if (chunk_.size() >= kChunkBytes) seal();
  if (chunk_.empty() && heap_bytes(chunk_) == 0) {
    chunk_ = loop.take_buffer();
  } else if (chunk_.size() >= kChunkBytes / 2 && chunk_.capacity() < kChunkCapacity) {
    chunk_.reserve(kChunkCapacity);
  }
  return chunk_;
}

void OutputChunks::seal() {
  chunk_.erase(0, sealed_.empty() ? std::exchange(sent_, 0) : 0);
  if (chunk_.size() < kChunkBytes) return;
  if (chunk_.capacity() > chunk_.size() + chunk_.size() / 4) chunk_.shrink_to_fit();
  sealed_bytes_ += chunk_.size();
  sealed_held_ += heap_bytes(chunk_);
  sealed_.push_back(std::exchange(chunk_, {}));
}

std::string_view OutputChunks::front() const {
  return std::string_view(sealed_.empty() ? chunk_ : sealed_.front()).substr(sent_);
}

void OutputChunks::consume(std::size_t count) {
  sent_ += count;
  if (sealed_.empty() || sent_ < sealed_.front().size()) return;
  sealed_bytes_ -= sealed_.front().size();
  sealed_held_ -= heap_bytes(sealed_.front());
  sealed_.erase(sealed_.begin());
  sent_ = 0;
}

void OutputChunks::trim(Loop& loop) {
  if (!sealed_.empty()) return;
  std::vector<std::string>().swap(sealed_);
  if (sent_ == chunk_.size()) {
    chunk_.clear();
    sent_ = 0;
    if (chunk_.capacity() > kIdleCapacity) loop.give_buffer(std::exchange(chunk_, {}));
  } else if (chunk_.capacity() > 2 * unsent() + kSlack) {
    std::string rest(chunk_, sent_);
    sent_ = 0;
    chunk_.swap(rest);
    loop.give_buffer(std::move(rest));
  }
}

void OutputChunks::clear() {
  std::vector<std::string>().swap(sealed_);
  std::string().swap(chunk_);
  sealed_bytes_ = sealed_held_ = sent_ = 0;
}

}  // namespace tiara::net
