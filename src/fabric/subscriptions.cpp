#include "fabric/subscriptions.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>

#include "base/text_map.hpp"
#include "dxl/topic.hpp"

namespace tiara::fabric {
namespace {

// Clients are numbered densely; lists of subscribers hold these numbers, so that "seen already" is
// one comparison.
using Slot = std::uint32_t;
using Subscribers = std::vector<Slot>;

struct Client {
  ConnectionId connection = 0;
  std::uint64_t seen_in_round = 0;
  base::TextSet filters;
  std::size_t filter_bytes = 0;
};

struct Node {
  base::TextMap<std::unique_ptr<Node>> children;
  std::unique_ptr<Node> plus;
  Subscribers here;  // filters that end at this level
  Subscribers hash;  // filters that end in `#` below this level
  bool empty() const { return children.empty() && !plus && here.empty() && hash.empty(); }
};

void erase(Subscribers& subscribers, Slot slot) {
  const auto at = std::find(subscribers.begin(), subscribers.end(), slot);
  if (at != subscribers.end()) subscribers.erase(at);  // not swapped with the last: order is kept
}

// The first level of `rest`, which moves on to the next one. `last` tells that there is none.
std::string_view take_level(std::string_view& rest, bool& last) {
  const std::size_t slash = rest.find('/');
  last = slash == std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest.remove_prefix(last ? rest.size() : slash + 1);
  return level;
}

void insert(Node& node, std::string_view rest, Slot slot) {
  bool last = false;
  const std::string_view level = take_level(rest, last);
  if (level == "#") {
    node.hash.push_back(slot);
    return;
  }
  std::unique_ptr<Node>& next = level == "+" ? node.plus : node.children[level];
  if (!next) next = std::make_unique<Node>();
  if (last)
    next->here.push_back(slot);
  else
    insert(*next, rest, slot);
}

// Empty nodes go with the filter that made them.
void withdraw(Node& node, std::string_view rest, Slot slot) {
  bool last = false;
  const std::string_view level = take_level(rest, last);
  if (level == "#") return erase(node.hash, slot);
  const auto child = level == "+" ? node.children.end() : node.children.find(level);
  if (level != "+" && child == node.children.end()) return;
  std::unique_ptr<Node>& next = level == "+" ? node.plus : child->second;
  if (!next) return;
  if (last)
    erase(next->here, slot);
  else
    withdraw(*next, rest, slot);
  if (!next->empty()) return;
  if (level == "+")
    next.reset();
  else
    node.children.erase(child);
}

template <class F>
void visit(const Node& node, std::string_view rest, bool at_root, F&& f) {
  // `$…` is for those who ask for it by name.
  const bool wildcards = !(at_root && rest.starts_with('$'));
  if (wildcards) f(node.hash);
  bool last = false;
  const std::string_view level = take_level(rest, last);
  const auto step = [&](const Node& next) {
    if (!last) return visit(next, rest, false, f);
    f(next.here);
    f(next.hash);  // `/a/#` matches `/a`
  };
  if (const auto child = node.children.find(level); child != node.children.end())
    step(*child->second);
  if (wildcards && node.plus) step(*node.plus);
}

}  // namespace

struct Subscriptions::Impl {
  Slot slot_of(ConnectionId connection) {
    const auto [at, added] = slots.try_emplace(connection, 0);
    if (added) {
      if (free_slots.empty()) {
        at->second = static_cast<Slot>(clients.size());
        clients.emplace_back();
      } else {
        at->second = free_slots.back();
        free_slots.pop_back();
      }
      clients[at->second].connection = connection;
    }
    return at->second;
  }

  void release(ConnectionId connection, Slot slot) {
    clients[slot] = Client{};
    free_slots.push_back(slot);
    slots.erase(connection);
  }

  void drop(Slot slot, std::string_view filter) {
    if (dxl::has_wildcard(filter)) return withdraw(root, filter, slot);
    const auto at = exact.find(filter);
    if (at == exact.end()) return;
    erase(at->second, slot);
    if (at->second.empty()) exact.erase(at);
  }

  absl::flat_hash_map<ConnectionId, Slot> slots;
  std::vector<Client> clients;
  std::vector<Slot> free_slots;
  base::TextMap<Subscribers> exact;
  Node root;
  std::uint64_t round = 0;
};

namespace {

// A level of `+` is two bytes of a filter but a node of the tree, which each publish may have to
// walk through: deep filters count for more.
std::size_t cost_of(std::string_view filter) {
  const auto levels = 1 + static_cast<std::size_t>(std::count(filter.begin(), filter.end(), '/'));
  return filter.size() + levels * levels;
}

}  // namespace

Subscriptions::Subscriptions() : impl_(std::make_unique<Impl>()) {}
Subscriptions::~Subscriptions() = default;

bool Subscriptions::add(ConnectionId connection, std::string_view filter) {
  const Slot slot = impl_->slot_of(connection);
  if (!impl_->clients[slot].filters.emplace(filter).second) return false;
  impl_->clients[slot].filter_bytes += cost_of(filter);
  if (dxl::has_wildcard(filter))
    insert(impl_->root, filter, slot);
  else
    impl_->exact[filter].push_back(slot);
  return true;
}

bool Subscriptions::remove(ConnectionId connection, std::string_view filter) {
  const auto at = impl_->slots.find(connection);
  if (at == impl_->slots.end()) return false;
  const Slot slot = at->second;
  auto& filters = impl_->clients[slot].filters;
  const auto own = filters.find(filter);
  if (own == filters.end()) return false;
  impl_->drop(slot, filter);
  impl_->clients[slot].filter_bytes -= cost_of(filter);
  filters.erase(own);
  if (filters.empty()) impl_->release(connection, slot);
  return true;
}

std::vector<std::string> Subscriptions::remove_all(ConnectionId connection) {
  const auto at = impl_->slots.find(connection);
  if (at == impl_->slots.end()) return {};
  const Slot slot = at->second;
  const base::TextSet& own = impl_->clients[slot].filters;
  std::vector<std::string> filters(own.begin(), own.end());
  for (const std::string& filter : filters) impl_->drop(slot, filter);
  impl_->release(connection, slot);
  std::sort(filters.begin(), filters.end());
  return filters;
}

std::size_t Subscriptions::count(ConnectionId connection) const {
  const auto at = impl_->slots.find(connection);
  return at == impl_->slots.end() ? 0 : impl_->clients[at->second].filters.size();
}

std::size_t Subscriptions::bytes(ConnectionId connection) const {
  const auto at = impl_->slots.find(connection);
  return at == impl_->slots.end() ? 0 : impl_->clients[at->second].filter_bytes;
}

void Subscriptions::match(std::string_view topic, std::vector<ConnectionId>& out) const {
  const std::uint64_t round = ++impl_->round;
  const auto take = [&](const Subscribers& subscribers) {
    for (const Slot slot : subscribers) {
      Client& client = impl_->clients[slot];
      if (std::exchange(client.seen_in_round, round) != round) out.push_back(client.connection);
    }
  };
  if (const auto at = impl_->exact.find(topic); at != impl_->exact.end()) take(at->second);
  visit(impl_->root, topic, true, take);
}

std::size_t Subscriptions::count_matching(std::string_view topic) const {
  std::size_t count = 0;
  const auto add = [&](const Subscribers& subscribers) { count += subscribers.size(); };
  if (const auto at = impl_->exact.find(topic); at != impl_->exact.end()) add(at->second);
  visit(impl_->root, topic, true, add);
  return count;
}

}  // namespace tiara::fabric
