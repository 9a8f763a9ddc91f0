#include "tiara/original_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "broker/state_directory.hpp"
#include "broker/topicauth_file.hpp"
#include "tiara/state_settings.hpp"

namespace tiara::app {
namespace {

using broker::SettingValue;
using dxl::ErrorCode;
using Verdict = ImportNote::Verdict;

constexpr std::size_t kMaxFileBytes = 4 * 1024 * 1024;
constexpr std::string_view kSpace = " \t\r\v\f";

enum class Rule : std::uint8_t {
  kNumber,       // becomes the setting `text`
  kSwitch,       // likewise, true or false
  kLevel,        // likewise, a log level
  kIgnore,       // `text` says why
  kOnlyDefault,  // ignored while it has the value `only`, else unsupported because of `text`
  kElsewhere,    // handled by name
};

struct Row {
  std::string_view key;
  Rule rule;
  std::string_view text;
  std::string_view only = "";
};

constexpr std::string_view kLogGoesToStderr =
    "the log goes to stderr; whoever reads it (the journal) stores and rotates it";
constexpr std::string_view kOfBridges = "concerns bridges between brokers";
constexpr std::string_view kNoTenants = "tenants are not supported";

// DXL reference §6.4.
constexpr std::array kBrokerKeys{
    Row{"brokerId", Rule::kElsewhere, ""},
    Row{"user", Rule::kIgnore, "start the program as that user; packaging/systemd has a unit"},
    Row{"listenPort", Rule::kNumber, "listen.port"},
    Row{"messageSizeLimit", Rule::kNumber, "limits.message_bytes"},
    Row{"stdOutLogger", Rule::kIgnore, kLogGoesToStderr},
    Row{"logFile", Rule::kIgnore, kLogGoesToStderr},
    Row{"maxLogSize", Rule::kIgnore, kLogGoesToStderr},
    Row{"maxLogFiles", Rule::kIgnore, kLogGoesToStderr},
    Row{"logLevel", Rule::kLevel, "log.level"},
    Row{"logCategoryMask", Rule::kIgnore, "there are no categories"},
    Row{"logNotices", Rule::kIgnore, "there are no notices of a library to log"},
    Row{"jsonPrettyPrint", Rule::kOnlyDefault, "JSON in messages is always compact", "false"},
    Row{"policyGeneralStateFile", Rule::kElsewhere, ""},
    Row{"policyBrokerStateFile", Rule::kElsewhere, ""},
    Row{"policyTopicAuthStateFile", Rule::kElsewhere, ""},
    Row{"brokerTtlMins", Rule::kIgnore, kOfBridges},
    Row{"ttlCheckIntervalMins", Rule::kIgnore, "services are looked at once a minute"},
    Row{"ttlGraceMins", Rule::kIgnore, "the grace of services is fixed"},
    Row{"tlsEnabled", Rule::kOnlyDefault, "there is no listener without TLS", "true"},
    Row{"tlsBridgingInsecure", Rule::kIgnore, kOfBridges},
    Row{"fipsEnabled", Rule::kOnlyDefault, "there is no FIPS mode", "false"},
    Row{"certKeystoreDir", Rule::kIgnore,
        "certificates are not imported: the state has its own authorities"},
    Row{"certSigningRetryIntervalMins", Rule::kIgnore, "the broker's certificate is issued here"},
    Row{"certIdentityValidationEnabled", Rule::kOnlyDefault,
        "a client is who its certificate says, whatever its client id", "false"},
    Row{"uniqueClientIdPerFabricEnabled", Rule::kOnlyDefault,
        "a client is who its certificate says, whatever its client id", "false"},
    Row{"ciphers", Rule::kIgnore, "TLS 1.3 and the suites of 1.2 are chosen here"},
    Row{"messageSampleSecs", Rule::kNumber, "broker.message_sample_seconds"},
    Row{"ignoreConnectionLimit", Rule::kElsewhere, ""},
    Row{"maximumPacketBufferSize", Rule::kIgnore,
        "queues are limited in bytes: limits.outgoing_bytes"},
    Row{"brokerStateTopicsCharsBatchSize", Rule::kIgnore, kOfBridges},
    Row{"topicRoutingEnabled", Rule::kIgnore, kOfBridges},
    Row{"topicRoutingCacheEnabled", Rule::kIgnore, kOfBridges},
    Row{"topicRoutingCacheClearDelay", Rule::kIgnore, kOfBridges},
    Row{"testModeEnabled", Rule::kSwitch, "broker.test_mode"},
    Row{"brokerLibThreadPoolSize", Rule::kIgnore, "choose broker.threads for this machine"},
    Row{"multiTenantModeEnabled", Rule::kOnlyDefault, kNoTenants, "false"},
    Row{"tenantGuid", Rule::kOnlyDefault, kNoTenants, ""},
    Row{"tenantByteLimit", Rule::kOnlyDefault, kNoTenants, "0"},
    Row{"tenantConnectionLimit", Rule::kOnlyDefault, kNoTenants, "0"},
    Row{"tenantServiceLimit", Rule::kOnlyDefault, kNoTenants, "0"},
    Row{"tenantClientSubscriptionLimit", Rule::kOnlyDefault, kNoTenants, "0"},
    Row{"sendConnectEvents", Rule::kSwitch, "broker.send_connect_events"},
    Row{"webSocketsEnabled", Rule::kOnlyDefault, "the WebSocket listener is always there", "true"},
    Row{"webSocketsListenPort", Rule::kNumber, "listen.ws_port"},
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<std::int64_t> find_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<bool> find_switch(std::string_view text) {
  const std::string plain = plain_id(text);  // lower case
  if (plain == "true" || plain == "1") return true;
  if (plain == "false" || plain == "0") return false;
  return std::nullopt;
}

std::optional<std::string> find_level(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kLevels[] = {
      {"trace", "debug"},    {"debug", "debug"},  {"info", "info"},   {"notice", "info"},
      {"warn", "warn"},      {"warning", "warn"}, {"error", "error"}, {"crit", "error"},
      {"critical", "error"}, {"fatal", "error"}};
  const std::string plain = plain_id(text);
  for (const auto& [theirs, ours] : kLevels)
    if (theirs == plain) return std::string(ours);
  return std::nullopt;
}

bool is_uuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view kDigits = "0123456789abcdef";
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(), [&](char c, char shape) {
           return shape == '-' ? c == '-' : kDigits.find(c) != std::string_view::npos;
         });
}

class Importer {
 public:
  explicit Importer(std::filesystem::path directory) : directory_(std::move(directory)) {}

  dxl::Result<ImportPlan> run(const OriginalValues& conf) {
    for (const auto& [key, given] : conf) take(key, given);
    take_id(find(conf, "brokerId"));
    for (const auto& [key, step] : {std::pair("policyGeneralStateFile", &Importer::take_general),
                                    std::pair("policyBrokerStateFile", &Importer::take_zones),
                                    std::pair("policyTopicAuthStateFile", &Importer::take_topics)})
      if (auto done = take_policy(conf, key, step); !done) return dxl::fail(done.error());
    if (find(conf, "testModeEnabled") == nullptr)
      note(Verdict::kIgnored, "testModeEnabled", {"(absent)", "-"},
           "the original's test mode is on then; here it is off unless broker.test_mode is true");
    return std::move(plan_);
  }

 private:
  using Step = dxl::Result<void> (Importer::*)(const OriginalValues&, const OriginalValue&,
                                               const std::string&, const std::string&);

  static const OriginalValue* find(const OriginalValues& values, std::string_view key) {
    const auto at = values.find(key);
    return at == values.end() ? nullptr : &at->second;
  }

  void note(Verdict verdict, std::string_view key, const OriginalValue& given,
            std::string_view text) {
    plan_.notes.push_back(
        {verdict, given.origin, std::string(key), given.value, std::string(text)});
  }

  // The row of the setting decides whether it takes the value.
  void set(std::string_view key, const OriginalValue& given, std::string_view name,
           std::optional<SettingValue> value) {
    if (!value) return note(Verdict::kUnsupported, key, given, "cannot be read");
    const auto row = std::find_if(rows_.begin(), rows_.end(),
                                  [name](const broker::Setting& r) { return r.name == name; });
    if (row == rows_.end()) return note(Verdict::kUnsupported, key, given, "no such setting here");
    if (auto applied = row->apply(*value); !applied)
      return note(Verdict::kUnsupported, key, given,
                  fmt::format("{}: {}", name, applied.error().message));
    note(Verdict::kTaken, key, given, fmt::format("{} = {}", name, broker::to_toml(*value)));
    plan_.settings[std::string(name)] = {*std::move(value), given.origin};
  }

  void take(const std::string& key, const OriginalValue& given) {
    const auto row = std::find_if(kBrokerKeys.begin(), kBrokerKeys.end(),
                                  [&key](const Row& r) { return r.key == key; });
    if (row == kBrokerKeys.end())
      return note(Verdict::kUnsupported, key, given, "not a known key of this file");
    switch (row->rule) {
      case Rule::kNumber:
        return set(key, given, row->text, find_integer(given.value));
      case Rule::kSwitch:
        return set(key, given, row->text, find_switch(given.value));
      case Rule::kLevel:
        return set(key, given, row->text, find_level(given.value));
      case Rule::kIgnore:
        return note(Verdict::kIgnored, key, given, row->text);
      case Rule::kOnlyDefault: {
        const bool is_so = plain_id(given.value) == row->only;
        return note(is_so ? Verdict::kIgnored : Verdict::kUnsupported, key, given,
                    is_so ? "it is so here" : row->text);
      }
      case Rule::kElsewhere:
        return;
    }
  }

  void take_id(const OriginalValue* given) {
    if (given == nullptr)
      return note(Verdict::kIgnored, "brokerId", {"(absent)", "-"}, "the state makes its own");
    std::string id = plain_id(given->value);
    if (!is_uuid(id)) return note(Verdict::kUnsupported, "brokerId", *given, "expected a uuid");
    note(Verdict::kTaken, "brokerId", *given, "broker-id, if the state has none yet");
    plan_.broker_id = std::move(id);
  }

  dxl::Result<void> take_policy(const OriginalValues& conf, const char* key, Step step) {
    const OriginalValue* given = find(conf, key);
    if (given == nullptr || given->value.empty()) return {};
    const std::filesystem::path file = directory_ / given->value;  // an absolute one stays
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) {
      note(Verdict::kIgnored, key, *given, "no such file: an empty policy");
      return {};
    }
    const auto text = broker::read_file(file, kMaxFileBytes);
    if (!text) return dxl::fail(ErrorCode::kConfiguration, text.error().message);
    return (this->*step)(conf, *given, *text, file.string());
  }

  // §6.3: keepAlive and connectionLimit.
  dxl::Result<void> take_general(const OriginalValues& conf, const OriginalValue& given,
                                 const std::string& text, const std::string& file) {
    note(Verdict::kTaken, "policyGeneralStateFile", given, "read");
    OriginalValues values;
    if (auto read = read_key_values(text, file, values); !read) return read;
    const OriginalValue* const lifted = find(conf, "ignoreConnectionLimit");
    const bool is_lifted = lifted != nullptr && find_switch(lifted->value).value_or(false);
    if (lifted != nullptr)
      note(Verdict::kTaken, "ignoreConnectionLimit", *lifted,
           is_lifted ? "connectionLimit is left out" : "connectionLimit counts");
    for (const auto& [key, value] : values) {
      if (key == "keepAlive")
        note(Verdict::kIgnored, key, value, kOfBridges);
      else if (key != "connectionLimit")
        note(Verdict::kUnsupported, key, value, "not a known key of this file");
      else if (is_lifted)
        note(Verdict::kIgnored, key, value, "ignoreConnectionLimit is true");
      else if (value.value == "0")
        note(Verdict::kIgnored, key, value, "0: none; limits.connections stays as it is");
      else
        set(key, value, "limits.connections", find_integer(value.value));
    }
    return {};
  }

  dxl::Result<void> take_zones(const OriginalValues&, const OriginalValue& given,
                               const std::string& text, const std::string& file) {
    constexpr const char* kKey = "policyBrokerStateFile";
    auto zones = service_zones_of(plan_.broker_id.value_or(""), text, file);
    if (!zones) return dxl::fail(zones.error());
    if (!*zones) {
      note(Verdict::kIgnored, kKey, given, "it does not name this broker: no service zones");
    } else if ((*zones)->empty()) {
      note(Verdict::kIgnored, kKey, given, "this broker and its ancestors have no service zone");
    } else {
      set(kKey, {given.value, file}, "broker.service_zones",
          fmt::format("{}", fmt::join(**zones, ", ")));
    }
    return {};
  }

  dxl::Result<void> take_topics(const OriginalValues&, const OriginalValue& given,
                                const std::string& text, const std::string& file) {
    auto rules = broker::parse_topicauth(text, file);
    if (!rules) return dxl::fail(rules.error());
    plan_.warnings = std::move(rules->warnings);
    note(Verdict::kTaken, "policyTopicAuthStateFile", given, "copied to topicauth.policy");
    plan_.topic_policy = text;
    return {};
  }

  std::filesystem::path directory_;
  StateSettings checked_;  // what the rows write into
  std::vector<broker::Setting> rows_ = setting_rows(checked_);
  ImportPlan plan_;
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kTaken:
      return "taken";
    case Verdict::kIgnored:
      return "ignored";
    case Verdict::kUnsupported:
      return "unsupported";
  }
  return "?";
}

dxl::Result<void> read_key_values(std::string_view text, std::string_view file,
                                  OriginalValues& values) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t sign = line.find('=');
    const std::string_view key = trimmed(line.substr(0, std::min(sign, line.size())));
    if (sign == std::string_view::npos || key.empty())
      return dxl::fail(ErrorCode::kConfiguration,
                       fmt::format("{}:{}: expected key=value", file, number));
    values[std::string(key)] = {std::string(trimmed(line.substr(sign + 1))),
                                fmt::format("{}:{}", file, number)};
  }
  return {};
}

dxl::Result<ImportPlan> plan_import(const std::filesystem::path& conf) {
  OriginalValues values;
  const std::filesystem::path defaults = conf.string() + ".defaults";
  std::error_code ignored;
  for (const auto& file : {defaults, conf}) {
    if (file == defaults && !std::filesystem::exists(file, ignored)) continue;
    const auto text = broker::read_file(file, kMaxFileBytes);
    if (!text) return dxl::fail(ErrorCode::kConfiguration, text.error().message);
    if (auto read = read_key_values(*text, file.string(), values); !read)
      return dxl::fail(read.error());
  }
  return Importer(conf.parent_path()).run(values);
}

}  // namespace tiara::app
