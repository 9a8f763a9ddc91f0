#include "tiara/state_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "broker/broker.hpp"

namespace tiara::app {
namespace {

using broker::Setting;
using broker::SettingValue;
using dxl::ErrorCode;
using Applied = dxl::Result<void>;

Setting flag(std::string_view name, std::string_view comment, bool& into) {
  return {name, comment, into,
          [&into](const SettingValue& value) -> Applied {
            into = std::get<bool>(value);
            return {};
          },
          "`true`, `false`"};
}

template <class Integer>
Setting number(std::string_view name, std::string_view comment, Integer& into, std::int64_t minimum,
               std::int64_t maximum) {
  return {name, comment, static_cast<std::int64_t>(into),
          [&into, minimum, maximum](const SettingValue& value) -> Applied {
            const std::int64_t integer = std::get<std::int64_t>(value);
            if (integer < minimum || integer > maximum)
              return dxl::fail(ErrorCode::kConfiguration,
                               fmt::format("expected {} to {}", minimum, maximum));
            into = static_cast<Integer>(integer);
            return {};
          },
          fmt::format("{} to {}", minimum, maximum)};
}

// Whole seconds.
template <class Duration>
Setting seconds(std::string_view name, std::string_view comment, Duration& into,
                std::int64_t maximum) {
  const auto fallback = std::chrono::duration_cast<std::chrono::seconds>(into).count();
  return {name, comment, std::int64_t{fallback},
          [&into, maximum](const SettingValue& value) -> Applied {
            const std::int64_t count = std::get<std::int64_t>(value);
            if (count < 1 || count > maximum)
              return dxl::fail(ErrorCode::kConfiguration,
                               fmt::format("expected 1 to {} seconds", maximum));
            into = std::chrono::seconds(count);
            return {};
          },
          fmt::format("1 to {} seconds", maximum)};
}

// Names separated by commas.
Setting names(std::string_view name, std::string_view comment, std::vector<std::string>& into) {
  return {name, comment, fmt::format("{}", fmt::join(into, ", ")),
          [&into](const SettingValue& value) -> Applied {
            into.clear();
            std::string_view rest = std::get<std::string>(value);
            while (!rest.empty()) {
              const std::size_t comma = std::min(rest.find(','), rest.size());
              std::string_view item = rest.substr(0, comma);
              rest.remove_prefix(std::min(comma + 1, rest.size()));
              item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
              item = item.substr(0, item.find_last_not_of(' ') + 1);
              if (item.empty())
                return dxl::fail(ErrorCode::kConfiguration, "expected names between commas");
              into.emplace_back(item);
            }
            return {};
          },
          "names between commas"};
}

// Addresses to listen on.
Setting addresses(std::string_view name, std::string_view comment, std::vector<std::string>& into) {
  Setting row = names(name, comment, into);
  row.apply = [take = std::move(row.apply), &into](const SettingValue& value) -> Applied {
    if (auto taken = take(value); !taken) return taken;
    if (into.empty()) return dxl::fail(ErrorCode::kConfiguration, "expected one address or more");
    return {};
  };
  row.accepted = "numeric addresses between commas";
  return row;
}

Setting share(std::string_view name, std::string_view comment, double& into) {
  return {name, comment, into,
          [&into](const SettingValue& value) -> Applied {
            const double part = std::get<double>(value);
            if (!(part >= 0 && part <= 1))
              return dxl::fail(ErrorCode::kConfiguration, "expected 0 to 1");
            into = part;
            return {};
          },
          "0 to 1"};
}

template <class Enum>
using Choices = std::vector<std::pair<std::string_view, Enum>>;

// The first choice is the default.
template <class Enum>
Setting choice(std::string_view name, std::string_view comment, Enum& into, Choices<Enum> choices) {
  const std::string first(choices.front().first);
  std::string accepted;
  for (const auto& [text, meaning] : choices)
    accepted += fmt::format("{}`\"{}\"`", accepted.empty() ? "" : ", ", text);
  return {name, comment, first,
          [&into, choices = std::move(choices)](const SettingValue& value) -> Applied {
            std::string expected;
            for (const auto& [text, meaning] : choices) {
              if (text == std::get<std::string>(value)) {
                into = meaning;
                return {};
              }
              expected += fmt::format("{}\"{}\"", expected.empty() ? "" : ", ", text);
            }
            return dxl::fail(ErrorCode::kConfiguration, "expected one of " + expected);
          },
          accepted};
}

// What a reload applies to what runs; Server::apply_settings() in up.cpp carries it out.
bool is_reloadable(std::string_view name) {
  constexpr std::string_view kKeys[] = {"external.enabled",
                                        "external.require_filename",
                                        "lookup.count_scan_type_3",
                                        "merge.learn",
                                        "prevalence.min_systems",
                                        "prevalence.min_share",
                                        "enterprise.size",
                                        "authorization.accept_unidentified",
                                        "broker.send_connect_events",
                                        "broker.test_mode"};
  if (name == "limits.handshakes" || name == "limits.handshake_seconds") return false;
  return name.starts_with("limits.") || name.starts_with("log.") ||
         std::find(std::begin(kKeys), std::end(kKeys), name) != std::end(kKeys);
}

std::vector<Setting> log_rows(StateSettings& settings) {
  using base::LogLevel;
  return {
      choice<LogLevel>("log.level", "Which lines are written: \"info\" and worse, say.",
                       settings.log_level,
                       {{"info", LogLevel::kInfo},
                        {"debug", LogLevel::kDebug},
                        {"warn", LogLevel::kWarning},
                        {"error", LogLevel::kError}}),
      choice<base::LogFormat>("log.format",
                              "\"text\" for people, \"json\" for programs: one object a line.",
                              settings.log_format,
                              {{"text", base::LogFormat::kText}, {"json", base::LogFormat::kJson}}),
      number("log.repeats_per_minute",
             "Lines of one event and client; the rest is counted. 0: no limit.",
             settings.log_repeats, 0, 1'000'000),
  };
}

std::vector<Setting> limit_rows(broker::BrokerLimits& limits) {
  using broker::SlowConsumer;
  constexpr std::int64_t kMaxBytes = 1'099'511'627'776;
  constexpr std::int64_t kMaxSeconds = 86'400;
  return {
      number("limits.message_bytes",
             "A longer PUBLISH is skipped, a request in it answered with an error; 8 times as much "
             "closes.",
             limits.message_bytes, 1'024, 256 * 1024 * 1024),
      number("limits.connect_bytes", "Longest CONNECT.", limits.connect_bytes, 64, 65'536),
      number("limits.connections", "Clients at a time.", limits.connections, 1, 1'000'000),
      number("limits.handshakes", "Handshakes at a time; more clients wait in the kernel.",
             limits.handshakes, 1, 100'000),
      number("limits.subscriptions_per_client", "Subscriptions of one client.",
             limits.subscriptions_per_client, 1, 1'000'000),
      number("limits.subscription_bytes_per_client",
             "One client's filters: their lengths and the squares of their levels, summed.",
             limits.subscription_bytes_per_client, 1'024, kMaxBytes),
      number("limits.topic_bytes", "Longest topic or filter.", limits.topic_bytes, 64,
             static_cast<std::int64_t>(dxl::kMaxTopicBytes)),
      number("limits.topic_levels", "Levels of a topic or filter.", limits.topic_levels, 8,
             static_cast<std::int64_t>(dxl::kMaxTopicLevels)),
      number("limits.publish_rate",
             "Messages a second of one client, which is read more slowly above it. 0: no limit.",
             limits.publish_rate, 0, 100'000'000),
      number("limits.request_backlog_bytes",
             "Unsent bytes above which requests for a client are answered \"service is "
             "overloaded\".",
             limits.request_backlog_bytes, 1'024, kMaxBytes),
      number("limits.outgoing_bytes", "Unsent bytes of one client: above it, it is too slow.",
             limits.outgoing_bytes, 65'536, kMaxBytes),
      number("limits.buffered_bytes",
             "Bytes that wait for all clients together: above it, who has most is closed.",
             limits.buffered_bytes, 1'048'576, kMaxBytes),
      choice<SlowConsumer>("limits.slow_consumer",
                           "What becomes of a client that is too slow: \"close\", or \"drop\" what "
                           "it misses.",
                           limits.slow_consumer,
                           {{"close", SlowConsumer::kClose}, {"drop", SlowConsumer::kDrop}}),
      seconds("limits.handshake_seconds", "For TLS and the WebSocket upgrade.",
              limits.handshake_deadline, kMaxSeconds),
      seconds("limits.connect_seconds", "From there to CONNECT.", limits.connect_deadline,
              kMaxSeconds),
      seconds("limits.keep_alive_seconds",
              "Longest keep-alive; a client that asks for more or for none gets this. It is not "
              "told: OpenDXL clients ping every 30 minutes, ours every 60 seconds.",
              limits.keep_alive_max, kMaxSeconds),
  };
}

}  // namespace

std::vector<Setting> setting_rows(StateSettings& settings) {
  using Reputation = reputation::Settings;
  using Learn = Reputation::MergeLearn;
  using Date = Reputation::CreateDate;
  constexpr std::int64_t kMaxSystems = 1'000'000'000;
  Reputation& tie = settings.reputation;
  std::vector<Setting> rows{
      choice<Date>("create_date",
                   "createDate of an Enterprise entry: \"changed\" = of the last level change, "
                   "\"record\" = of the record.",
                   tie.create_date, {{"changed", Date::kChanged}, {"record", Date::kRecord}}),
      addresses("listen.addresses", "Where to listen; `tiara up --listen` overrides it.",
                settings.listen_addresses),
      number("listen.port", "MQTT over TLS; `tiara up --port` overrides it. 0: any free port.",
             settings.port, 0, 65535),
      number("listen.ws_port",
             "MQTT over WebSockets over TLS; `tiara up --ws-port` overrides it. 0: any free port.",
             settings.web_socket_port, 0, 65535),
      number("listen.https_port",
             "Management HTTPS; `tiara up --https-port` overrides it. 0: any free port.",
             settings.https_port, 0, 65535),
      flag("tls.legacy_python_ciphers",
           "Offer AES128-SHA256 under TLS 1.2, without forward secrecy: the only suite of the "
           "OpenDXL "
           "Python client there. Under TLS 1.3 it needs no switch.",
           settings.legacy_python_ciphers),
      flag("external.enabled", "Whether External reports are taken; otherwise they are dropped.",
           tie.external_enabled),
      flag("external.require_filename", "Drop External reports without a file name.",
           tie.external_require_filename),
      flag("lookup.count_scan_type_3",
           "Count lookups of API clients (scanType 3) as sightings of the file.",
           tie.lookup_count_scan_type_3),
      choice<Learn>("merge.learn",
                    "When others than administrators may tie digests together: \"safe\", "
                    "\"never\", \"always\".",
                    tie.merge_learn,
                    {{"safe", Learn::kSafe}, {"never", Learn::kNever}, {"always", Learn::kAlways}}),
      number("prevalence.min_systems", "A file is prevalent when so many systems have seen it,",
             tie.prevalence_min_systems, 0, kMaxSystems),
      share("prevalence.min_share", "and this share of all systems.", tie.prevalence_min_share),
      number("enterprise.size", "Number of all systems; 0: those that have been seen.",
             tie.enterprise_size, 0, kMaxSystems),
      flag("authorization.accept_unidentified",
           "Take writes from senders whose identity the fabric does not show.",
           tie.authorization_accept_unidentified),
      number("broker.threads", "I/O threads; `tiara up --threads` overrides it.", settings.threads,
             1, broker::kMaxThreads),
      names(
          "broker.service_zones",
          "Service zones of this broker, its own first, then those of its ancestors: \"b, root\". "
          "They matter once brokers are connected.",
          settings.service_zones),
      flag("broker.send_connect_events", "Publish an event when a client connects or disconnects.",
           settings.send_connect_events),
      flag("broker.test_mode",
           "Answer the test mode topics, and write the state to the log when a dump event asks for "
           "it.",
           settings.test_mode),
      seconds("broker.message_sample_seconds", "What the rates of the health answer span.",
              settings.message_sample, 86'400),
  };
  for (Setting& row : log_rows(settings)) rows.push_back(std::move(row));
  for (Setting& row : limit_rows(settings.limits)) rows.push_back(std::move(row));
  for (Setting& row : rows) row.reloads = is_reloadable(row.name);
  return rows;
}

dxl::Result<StateSettings> parse_state_settings(std::string_view text, std::string_view name) {
  StateSettings settings;
  if (auto read = broker::read_settings(text, name, setting_rows(settings)); !read)
    return dxl::fail(read.error());
  return settings;
}

std::string initial_state_settings_text() {
  StateSettings defaults;
  return broker::initial_settings_text(setting_rows(defaults));
}

}  // namespace tiara::app
