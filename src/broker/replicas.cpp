#include "broker/replicas.hpp"

#include <utility>

#include "broker/hub.hpp"

namespace tiara::broker {

struct Replicas::Entry {
  fabric::Change change;
  std::shared_ptr<const Load> load;
  Done done;
  Hub* origin = nullptr;
  std::atomic<std::size_t> missing{0};  // replicas that have not applied it yet
  fabric::Outcome outcome;              // on the origin's replica
};

void Replicas::commit(Hub& origin, fabric::Change change, std::shared_ptr<const Load> load,
                      Done done) {
  if (hubs_.size() == 1) {
    const fabric::Outcome outcome = origin.apply(change, load);
    done(change, outcome);
    return;
  }
  const auto entry = std::make_shared<Entry>();
  entry->change = std::move(change);
  entry->load = std::move(load);
  entry->done = std::move(done);
  entry->origin = &origin;
  entry->missing = hubs_.size();
  const std::lock_guard lock(mutex_);
  for (Hub* const hub : hubs_) {
    hub->loop().post([hub, entry] {
      fabric::Outcome outcome = hub->apply(entry->change, entry->load);
      if (hub == entry->origin) entry->outcome = std::move(outcome);
      if (entry->missing.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
      // Posted even if this is the origin: that keeps its changes in order.
      entry->origin->loop().post([entry] { entry->done(entry->change, entry->outcome); });
    });
  }
}

}  // namespace tiara::broker
