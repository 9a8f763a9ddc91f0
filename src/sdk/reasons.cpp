#include "sdk/reasons.hpp"

#include <algorithm>

namespace tiara::sdk {

void Reasons::clear() { reasons_.clear(); }

void Reasons::add(const std::string& peer, const std::string& why) {
  auto at = std::find_if(reasons_.begin(), reasons_.end(),
                         [&why](const auto& each) { return each.first == why; });
  if (at == reasons_.end()) at = reasons_.insert(at, {why, {}});
  std::vector<std::string>& peers = at->second;
  if (!peer.empty() && std::find(peers.begin(), peers.end(), peer) == peers.end())
    peers.push_back(peer);
}

std::string Reasons::text() const {
  std::string text;
  for (const auto& [why, peers] : reasons_) {
    if (!text.empty()) text += "; ";
    for (const std::string& peer : peers) text.append(&peer == &peers.front() ? "" : ", ") += peer;
    text.append(peers.empty() ? "" : ": ").append(why);
  }
  return text;
}

}  // namespace tiara::sdk
