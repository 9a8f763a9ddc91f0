#include "broker/courier.hpp"

#include <utility>

#include "broker/hub.hpp"

namespace tiara::broker {
namespace {

// What a batch may keep between turns.
constexpr std::size_t kSpareBytes = 1024 * 1024;

}  // namespace

void Courier::add(std::size_t hub, fabric::ConnectionId from, std::string_view topic,
                  std::string_view payload, fabric::ConnectionId target) {
  auto& batch = batches_[hub];
  if (!batch) {
    if (spare_.empty()) spare_.push_back(std::make_shared<Batch>());
    batch = std::move(spare_.back());
    spare_.pop_back();
  }
  fabric::Deliveries& messages = batch->messages;
  if (!open_[hub]) {
    open_[hub] = true;
    fabric::Delivery item;
    item.topic_begin = messages.bytes.size();
    item.topic_size = topic.size();
    messages.bytes.append(topic);
    item.payload_begin = messages.bytes.size();
    item.payload_size = payload.size();
    messages.bytes.append(payload);
    item.first_target = messages.targets.size();
    messages.items.push_back(item);
    batch->from.push_back(from);
  }
  messages.targets.push_back(target);
  ++messages.items.back().target_count;
}

void Courier::hand_over() {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    if (!batches_[i]) continue;
    std::shared_ptr<Batch> batch = std::move(batches_[i]);
    batch->bytes = batch->messages.bytes.size();
    in_flight_ += batch->bytes;
    hub_.shared().budget->used += batch->bytes;
    Hub* const target = hub_.shared().replicas.hubs()[i];
    target->loop().post([this, target, batch] {
      target->receive(*batch);
      batch->clear();
      hub_.loop().post([this, batch] { take_back(batch); });
    });
  }
}

void Courier::take_back(std::shared_ptr<Batch> batch) {
  in_flight_ -= batch->bytes;
  hub_.shared().budget->used -= batch->bytes;
  if (batch->messages.bytes.capacity() <= kSpareBytes) spare_.push_back(std::move(batch));
  if (!congested()) hub_.on_room();
}

}  // namespace tiara::broker
