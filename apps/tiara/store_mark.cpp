#include "tiara/store_mark.hpp"

#include <fmt/format.h>

#include "broker/state_directory.hpp"
#include "store/presence.hpp"

namespace tiara::app {

dxl::Result<void> check_store_kept(const std::filesystem::path& mark,
                                   const std::filesystem::path& store) {
  const auto found = store::check_not_broken(store);
  if (!found) return dxl::fail(found.error());
  if (*found == store::Presence::kThere || !broker::is_there(mark)) return {};
  return dxl::fail(dxl::ErrorCode::kStorage,
                   fmt::format("{}: the store was there before and is missing; mount its disk, or "
                               "restore it from a back-up; only to begin anew with an empty one, "
                               "remove {}",
                               store.string(), mark.string()));
}

dxl::Result<void> mark_store(const std::filesystem::path& mark, const std::string& id) {
  const std::string text = id + "\n";
  if (const auto known = broker::read_file(mark); known && *known == text) return {};
  return broker::write_file_atomically(mark, text);
}

}  // namespace tiara::app
