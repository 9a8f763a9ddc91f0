// Rolls through everything that changed since a time, page by page, without loss and without an
// endless loop (TIE reference §3.7, L22).
#pragma once

#include <cstdint>
#include <optional>

#include "dxl/result.hpp"
#include "tie/client.hpp"
#include "tie/updates.hpp"

#pragma GCC visibility push(default)
namespace tie {

// For one thread at a time. `client` must outlive it.
class UpdatesReader {
 public:
  // Without a limit, pages are of kMaxQueryLimit.
  UpdatesReader(Client& client, GetUpdates from);

  // The next page; nullopt once everything has been read. Subjects of a border second may come
  // twice. After an error, as after nullopt, the next call goes on from since().
  //
  // kLimitExceeded: the service shows only a part of one second's changes, however often it is
  // asked. Ours never does. Treat everything as changed; since() is behind that second then.
  dxl::Result<std::optional<Updates>> next();

  // Where a later reader goes on. Never goes back.
  std::int64_t since() const { return request_.since; }

 private:
  Client& client_;
  GetUpdates request_;
  bool done_ = false;
};

}  // namespace tie
#pragma GCC visibility pop
