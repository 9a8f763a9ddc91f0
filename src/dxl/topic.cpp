#include "dxl/topic.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace dxl {
namespace {

bool is_within_limits(std::string_view text) {
  if (text.empty() || text.size() > kMaxTopicBytes) return false;
  const auto slashes = static_cast<std::size_t>(std::count(text.begin(), text.end(), '/'));
  return slashes < kMaxTopicLevels && text.find('\0') == std::string_view::npos &&
         tiara::base::is_valid_utf8(text);
}

// Takes the first level off `rest` together with its slash; `ended` once there is no other.
struct Levels {
  std::string_view rest;
  bool ended = false;

  std::string_view next() {
    const std::size_t slash = rest.find('/');
    const std::string_view level = rest.substr(0, slash);
    ended = slash == std::string_view::npos;
    rest.remove_prefix(ended ? rest.size() : slash + 1);
    return level;
  }
};

}  // namespace

std::string reply_topic_of(std::string_view client_id) {
  std::string topic(kClientTopicPrefix);
  topic += client_id;
  return topic;
}

bool has_wildcard(std::string_view filter) {
  // Twice, as looking for one character is much faster than for either of two.
  return filter.find('+') != std::string_view::npos || filter.find('#') != std::string_view::npos;
}

bool is_valid_topic(std::string_view topic) {
  return is_within_limits(topic) && !has_wildcard(topic);
}

bool is_valid_filter(std::string_view filter) {
  if (!is_within_limits(filter)) return false;
  Levels levels{filter};
  while (!levels.ended) {
    const std::string_view level = levels.next();
    if (level == "#") return levels.ended;
    if (level != "+" && has_wildcard(level)) return false;
  }
  return true;
}

bool filter_matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  Levels wanted{filter};
  Levels given{topic};
  while (true) {
    const std::string_view level = wanted.next();
    if (level == "#" && wanted.ended) return true;
    if (level != given.next() && level != "+") return false;
    if (given.ended) return wanted.ended || wanted.rest == "#";
    if (wanted.ended) return false;
  }
}

}  // namespace dxl
