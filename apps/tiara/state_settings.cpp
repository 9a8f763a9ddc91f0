#include "tiara/state_settings.hpp"

#include <chrono>
#include <utility>

#include "broker/broker.hpp"
#include "tiara/setting_kinds.hpp"

namespace tiara::app {
namespace {

using broker::Setting;

// What a reload applies to what runs, of the broker's settings; Server::apply_settings() carries it
// out.
bool is_reloadable(std::string_view name) {
  if (name == "limits.handshakes" || name == "limits.handshake_seconds") return false;
  return name.starts_with("limits.") || name == "broker.send_connect_events" ||
         name == "broker.test_mode";
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

std::vector<Setting> listen_rows(StateSettings& settings) {
  return {
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
  };
}

std::vector<Setting> broker_rows(StateSettings& settings) {
  return {
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
}

}  // namespace

std::vector<Setting> setting_rows(StateSettings& settings) {
  std::vector<Setting> rows = listen_rows(settings);
  const auto add = [&rows](std::vector<Setting> more) {
    for (Setting& row : more) rows.push_back(std::move(row));
  };
  add(tie_rows(settings.reputation));
  add(store_rows(settings.store));
  add(broker_rows(settings));
  add(log_rows(settings.log));
  add(limit_rows(settings.limits));
  for (Setting& row : rows) row.reloads = row.reloads || is_reloadable(row.name);
  rows.push_back(request_rate_row(settings.reputation));
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
