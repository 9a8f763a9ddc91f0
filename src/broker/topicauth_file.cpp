#include "broker/topicauth_file.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "broker/policy_file.hpp"
#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;
using fabric::Direction;
using fabric::TopicRule;

constexpr std::size_t kMaxTopicauthBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxTopicauthDepth = 16;  // the format needs 4
constexpr std::size_t kSha1Digits = 40;

// Counts lines while the parser reads: its events do not say where they are. A string ends on the
// line it began on, so the count at a string's event is the string's line.
class LineCounter {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  LineCounter(const char* at, std::size_t* line) : at_(at), line_(line) {}
  reference operator*() const { return *at_; }
  LineCounter& operator++() {
    *line_ += *at_ == '\n';
    ++at_;
    return *this;
  }
  LineCounter operator++(int) {
    LineCounter before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const LineCounter& a, const LineCounter& b) { return a.at_ == b.at_; }
  friend bool operator!=(const LineCounter& a, const LineCounter& b) { return !(a == b); }

 private:
  const char* at_;
  std::size_t* line_;
};

// Takes the parser's events; each returns false to stop, with `error` set.
class Reader {
 public:
  // What the value that comes next is, or the innermost open bracket.
  enum class Place : std::uint8_t { kRoot, kLists, kList, kEntry, kClients, kIgnored };

  Reader(std::string_view name, const std::size_t& line) : name_(name), line_(line) {}

  bool null() { return scalar(); }
  bool boolean(bool) { return scalar(); }
  bool number_integer(std::int64_t) { return scalar(); }
  bool number_unsigned(std::uint64_t) { return scalar(); }
  bool number_float(double, const std::string&) { return scalar(); }
  template <class Binary>
  bool binary(Binary&) {
    return scalar();
  }

  bool string(std::string& value) {
    if (here() == Place::kIgnored || ignoring_) return scalar();
    if (here() == Place::kEntry && key_ == "topic") return take_topic(value);
    if (here() == Place::kClients) return take_client(value);
    return scalar();
  }

  bool start_object(std::size_t) {
    if (here() == Place::kRoot) return open(Place::kLists, true);
    if (here() == Place::kIgnored || ignoring_) return open(Place::kIgnored, true);
    if (here() != Place::kList) return fail(expected());
    rule_ = {};
    rule_.direction = direction_;
    rule_line_ = line_;
    return open(Place::kEntry, true);
  }

  bool start_array(std::size_t) {
    if (here() == Place::kIgnored || ignoring_) return open(Place::kIgnored, false);
    if (here() == Place::kLists) return open(Place::kList, false);
    if (here() == Place::kEntry && key_ == "clients") return open(Place::kClients, false);
    return fail(expected());
  }

  bool key(std::string& name) {
    key_ = name;
    if (!keys_.back().insert(name).second)
      return fail(fmt::format("{} is there twice", quoted(name)));
    ignoring_ = false;
    if (here() == Place::kLists) {
      ignoring_ = name != "send" && name != "receive";
      direction_ = name == "send" ? Direction::kSend : Direction::kReceive;
    } else if (here() == Place::kEntry) {
      ignoring_ = name != "topic" && name != "clients";
    }
    if (ignoring_)
      warn(fmt::format(
          "{} means nothing here; known are {}", quoted(name),
          here() == Place::kLists ? "\"send\", \"receive\"" : "\"topic\", \"clients\""));
    return true;
  }

  bool end_object() {
    if (here() == Place::kEntry && !finish_entry()) return false;
    return close(true);
  }
  bool end_array() { return close(false); }

  template <class Exception>
  bool parse_error(std::size_t, const std::string& token, const Exception&) {
    return fail(fmt::format("not JSON near {}", quoted(token)));
  }

  dxl::Result<TopicAuth> take() && {
    if (!error_.empty()) return dxl::fail(ErrorCode::kConfiguration, error_);
    return std::move(found_);
  }

 private:
  Place here() const { return places_.empty() ? Place::kRoot : places_.back(); }

  static std::string quoted(std::string_view text) { return toml_string(text.substr(0, 128)); }

  bool fail(std::string message) {
    if (error_.empty()) error_ = fmt::format("{}:{}: {}", name_, line_, message);
    return false;
  }
  void warn(std::string_view message) {
    found_.warnings.push_back(fmt::format("{}:{}: {}", name_, line_, message));
  }

  std::string expected() const {
    switch (here()) {
      case Place::kRoot:
        return R"(expected {"send": [...], "receive": [...]})";
      case Place::kLists:
        return key_ + R"(: expected a list of {"topic": "...", "clients": [...]})";
      case Place::kList:
        return R"(expected {"topic": "...", "clients": [...]})";
      case Place::kEntry:
        return key_ == "topic" ? "topic: expected a string"
                               : "clients: expected a list of SHA-1 thumbprints";
      case Place::kClients:
        return "clients: expected SHA-1 thumbprints as strings";
      case Place::kIgnored:
        return "";
    }
    return "";
  }

  // A value that is no object, no list and no string with a meaning.
  bool scalar() {
    if (here() != Place::kIgnored && !ignoring_) return fail(expected());
    ignoring_ = false;
    return true;
  }

  bool open(Place place, bool is_object) {
    if (places_.size() == kMaxTopicauthDepth)
      return fail(fmt::format("nested deeper than {}", kMaxTopicauthDepth));
    places_.push_back(place);
    if (is_object) keys_.emplace_back();
    ignoring_ = false;
    return true;
  }

  bool close(bool is_object) {
    places_.pop_back();
    if (is_object) keys_.pop_back();
    return true;
  }

  bool take_topic(const std::string& value) {
    rule_.topic = value;
    const std::size_t wildcard = value.find_first_of("#+");
    const bool trailing = wildcard == value.size() - 1 && (value == "#" || value.ends_with("/#"));
    if (value.empty() || (wildcard != std::string::npos && !trailing))
      warn(fmt::format("topic {} can never match: a wildcard is `#` alone or `/#` at the end",
                       quoted(value)));
    return true;
  }

  bool take_client(const std::string& value) {
    const bool has_digits = value.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (value.size() == kSha1Digits && has_digits)
      rule_.certificates.push_back(value);
    else
      warn(
          fmt::format("client {} can never match: a SHA-1 thumbprint has 40 lower-case hexadecimal "
                      "digits",
                      quoted(value)));
    return true;
  }

  // Only an entry that says whom it restricts is one: a misspelt key must not open or close a
  // topic.
  bool finish_entry() {
    for (const char* needed : {"topic", "clients"})
      if (!keys_.back().contains(needed)) {
        error_ = fmt::format("{}:{}: the entry needs \"{}\"", name_, rule_line_, needed);
        return false;
      }
    found_.rules.push_back(std::move(rule_));
    return true;
  }

  std::string_view name_;
  const std::size_t& line_;
  std::vector<Place> places_;                // of the open brackets
  std::vector<std::set<std::string>> keys_;  // of the open objects
  std::string key_;                          // the last one
  bool ignoring_ = false;                    // the value of key_ has no meaning
  Direction direction_ = Direction::kSend;
  TopicRule rule_;
  std::size_t rule_line_ = 0;
  TopicAuth found_;
  std::string error_;
};

}  // namespace

dxl::Result<TopicAuth> parse_topicauth(std::string_view text, std::string_view name) {
  std::size_t line = 1;
  Reader reader(name, line);
  // Only the library's own reports of bad input could throw, and a SAX reader gets those as events.
  try {
    nlohmann::json::sax_parse(LineCounter(text.data(), &line),
                              LineCounter(text.data() + text.size(), &line), &reader,
                              nlohmann::json::input_format_t::json, true, true);
  } catch (const std::exception& error) {
    return toml_failure(name, line, error.what());
  }
  return std::move(reader).take();
}

dxl::Result<TopicAuth> load_topicauth(const std::filesystem::path& file) {
  std::error_code failed;
  // Not what a link points at: a link to nowhere is a mistake, not an absent file.
  if (std::filesystem::symlink_status(file, failed).type() == std::filesystem::file_type::not_found)
    return TopicAuth{};
  const auto text = read_file(file, kMaxTopicauthBytes);
  if (!text) return dxl::fail(ErrorCode::kConfiguration, text.error().message);
  return parse_topicauth(*text, file.string());
}

dxl::Result<LoadedPolicy> load_policies(const StatePaths& paths) {
  auto policy = load_policy(paths.policy);
  if (!policy) return dxl::fail(policy.error());
  auto original = load_topicauth(paths.topicauth);
  if (!original) return dxl::fail(original.error());
  LoadedPolicy loaded{std::move(*policy), original->rules.size(), std::move(original->warnings)};
  std::move(original->rules.begin(), original->rules.end(),
            std::back_inserter(loaded.policy.rules));
  return loaded;
}

}  // namespace tiara::broker
