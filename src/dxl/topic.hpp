// DXL topics: reserved prefixes, the parent walk of wildcards, validity (DXL reference §0.2, §4.4).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dxl {

inline constexpr std::string_view kClientTopicPrefix = "/mcafee/client/";
inline constexpr std::string_view kBrokerServicePrefix = "/mcafee/service/dxl/";
inline constexpr std::string_view kBrokerEventPrefix = "/mcafee/event/dxl/";

inline constexpr std::size_t kMaxTopicBytes = 4096;
inline constexpr std::size_t kMaxTopicLevels = 128;

std::string reply_topic_of(std::string_view client_id);

// A topic one may publish to: not empty, no `+`, `#` or NUL, within the limits above, valid UTF-8.
bool is_valid_topic(std::string_view topic);
// A filter one may subscribe to: `+` fills a whole level, `#` stands alone at the end.
bool is_valid_filter(std::string_view filter);
bool has_wildcard(std::string_view filter);

// MQTT matching: `/a/#` matches `/a`; topics that begin with `$` are not matched by a leading
// wildcard.
bool filter_matches(std::string_view filter, std::string_view topic);

// The rule for callbacks and services (§4.4): as MQTT's, but `/a/#` does not match `/a`.
bool callback_matches(std::string_view filter, std::string_view topic);

// Calls `f(std::string_view)` with each parent wildcard of `topic`, nearest first (`/a/b/c`:
// `/a/b/#`, `/a/#`, `/#`,
// `#`), until it returns false. `buffer` is scratch space reused between calls. `/a/#` is not a
// parent of `/a`.
template <class F>
void walk_parents(std::string_view topic, std::string& buffer, F&& f) {
  std::size_t end = topic.size();
  while (true) {
    const std::size_t slash = end == 0 ? std::string_view::npos : topic.rfind('/', end - 1);
    const std::size_t keep = slash == std::string_view::npos ? 0 : slash + 1;
    buffer.assign(topic.substr(0, keep));
    buffer += '#';
    if (!f(std::string_view(buffer)) || keep == 0) return;
    end = slash;
  }
}

}  // namespace dxl
