#include "dxl/client_config.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/regular_file.hpp"
#include "base/utf8.hpp"
#include "dxl/client_config_reader.hpp"
#include "dxl/ini_text.hpp"
#include "dxl/topic.hpp"

namespace dxl {
namespace {

std::string_view without_brackets(std::string_view host) {
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

// The whole text must be the number: `8ab1c2` is an identifier, not port 8 (§3.2).
std::optional<std::int64_t> find_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// What is wrong with a value, or nothing.
using Complaint = std::optional<std::string>;

Complaint set_port(std::string_view text, std::uint16_t& port) {
  const auto number = find_integer(text);
  if (!number || *number < 1 || *number > 65535) {
    return fmt::format("expected a port from 1 to 65535, found \"{}\"", text);
  }
  port = static_cast<std::uint16_t>(*number);
  return std::nullopt;
}

std::string_view take_field(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(';'), rest.size());
  const std::string_view field = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

bool is_host_text(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) { return c > 0x20 || c < 0; }) &&
         host.find('\x7f') == std::string_view::npos;
}

Complaint add_broker(std::string_view line, std::vector<BrokerAddress>& brokers) {
  BrokerAddress broker;
  std::string_view rest = line;
  std::string_view port = take_field(rest);
  if (!find_integer(port)) {
    broker.id.value = port;
    port = take_field(rest);
  }
  if (auto complaint = set_port(port, broker.port)) return complaint;
  broker.host = without_brackets(take_field(rest));
  broker.ip = without_brackets(take_field(rest));
  // Further fields are ignored, as the Python and Java clients do.
  if (broker.host.empty()) return fmt::format("no host in \"{}\"", line);
  if (!is_host_text(broker.host) || !is_host_text(broker.ip)) {
    return fmt::format("space or control character in a host of \"{}\"", line);
  }
  brokers.push_back(std::move(broker));
  return std::nullopt;
}

// Tells an absent UseWebSockets from one set to false.
struct Draft {
  ClientConfig config;
  ProxyConfig proxy;
  std::optional<bool> use_websockets;
  bool proxy_has_port = false;
};

Complaint set_use_websockets(Draft& draft, std::string_view value) {
  std::string lower(value);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 4> kTrue{"true", "yes", "on", "1"};
  constexpr std::array<std::string_view, 5> kFalse{"false", "no", "off", "0", ""};
  draft.use_websockets = std::find(kTrue.begin(), kTrue.end(), lower) != kTrue.end();
  if (*draft.use_websockets || std::find(kFalse.begin(), kFalse.end(), lower) != kFalse.end()) {
    return std::nullopt;
  }
  return fmt::format("expected true or false, found \"{}\"", value);
}

Complaint set_client_id(Draft& draft, std::string_view value) {
  if (value.empty()) return std::nullopt;
  // It becomes part of the reply topic.
  if (!is_valid_topic(reply_topic_of(value))) {
    return fmt::format("\"{}\" cannot be part of a topic", value);
  }
  draft.config.client_id = ClientId{std::string(value)};
  return std::nullopt;
}

struct Key {
  std::string_view section;
  std::string_view name;  // empty: any name
  Complaint (*set)(Draft& draft, std::string_view value);
};

template <std::string ClientConfig::*field>
Complaint set_path(Draft& draft, std::string_view value) {
  draft.config.*field = value;
  return std::nullopt;
}

template <std::string ProxyConfig::*field>
Complaint set_proxy(Draft& draft, std::string_view value) {
  draft.proxy.*field = value;
  return std::nullopt;
}

template <std::vector<BrokerAddress> ClientConfig::*field>
Complaint set_broker(Draft& draft, std::string_view value) {
  return add_broker(value, draft.config.*field);
}

Complaint set_proxy_port(Draft& draft, std::string_view value) {
  draft.proxy_has_port = true;
  return set_port(value, draft.proxy.port);
}

// Names are case-sensitive, as in the Python and JavaScript clients.
constexpr Key kKeys[] = {
    {"General", "UseWebSockets", set_use_websockets},
    {"General", "ClientId", set_client_id},
    {"Certs", "BrokerCertChain", set_path<&ClientConfig::broker_cert_chain>},
    {"Certs", "CertFile", set_path<&ClientConfig::cert_file>},
    {"Certs", "PrivateKey", set_path<&ClientConfig::private_key>},
    {"Brokers", "", set_broker<&ClientConfig::brokers>},
    {"BrokersWebSockets", "", set_broker<&ClientConfig::websocket_brokers>},
    {"Proxy", "Address", set_proxy<&ProxyConfig::address>},
    {"Proxy", "Port", set_proxy_port},
    {"Proxy", "User", set_proxy<&ProxyConfig::user>},
    {"Proxy", "Password", set_proxy<&ProxyConfig::password>},
};

bool is_known_section(std::string_view section) {
  return std::any_of(std::begin(kKeys), std::end(kKeys),
                     [section](const Key& key) { return key.section == section; });
}

const Key* find_key(std::string_view section, std::string_view name) {
  const auto found = std::find_if(std::begin(kKeys), std::end(kKeys), [=](const Key& key) {
    return key.section == section && (key.name.empty() || key.name == name);
  });
  return found == std::end(kKeys) ? nullptr : found;
}

class Parser {
 public:
  explicit Parser(std::string_view name) : name_(name) {}

  Result<ClientConfig> parse(std::string_view text) {
    text = without_mark(text);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      if (auto complaint = read_line(trimmed(text.substr(0, end)))) {
        return fail(ErrorCode::kConfiguration, fmt::format("{}:{}: {}", name_, line_, *complaint));
      }
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return finish();
  }

 private:
  Complaint read_line(std::string_view line) {
    if (line.empty() || line[0] == '#' || line[0] == ';') return std::nullopt;
    if (!tiara::base::is_valid_utf8(line)) return "not UTF-8";
    if (line[0] == '[') return read_section(line);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return "expected [section] or key = value";
    return read_key(unquoted(trimmed(line.substr(0, equals))),
                    unquoted(trimmed(line.substr(equals + 1))));
  }

  Complaint read_section(std::string_view line) {
    if (line.back() != ']') return "expected ] at the end of the line";
    section_ = trimmed(line.substr(1, line.size() - 2));
    if (!is_known_section(section_)) warn(fmt::format("unknown section [{}]", section_));
    return std::nullopt;
  }

  Complaint read_key(std::string_view name, std::string_view value) {
    if (!is_known_section(section_)) {
      if (section_.empty()) warn(fmt::format("{} stands before any section", name));
      return std::nullopt;
    }
    const Key* key = find_key(section_, name);
    if (key == nullptr) {
      warn(fmt::format("unknown key {} in [{}]", name, section_));
      return std::nullopt;
    }
    if (!seen_.emplace(section_, name).second) {
      return fmt::format("[{}] {}: given twice", section_, name);
    }
    Complaint complaint = key->set(draft_, value);
    if (complaint) complaint = fmt::format("[{}] {}: {}", section_, name, *complaint);
    return complaint;
  }

  void warn(std::string sentence) {
    draft_.config.warnings.push_back(fmt::format("{}:{}: {}", name_, line_, sentence));
  }

  Result<ClientConfig> finish() {
    ClientConfig& config = draft_.config;
    if (!draft_.proxy.address.empty()) {
      if (!draft_.proxy_has_port) {
        return fail(ErrorCode::kConfiguration,
                    fmt::format("{}: [Proxy] Port: missing beside Address", name_));
      }
      config.proxy = std::move(draft_.proxy);
    }
    const bool only_websockets = config.brokers.empty() && !config.websocket_brokers.empty();
    config.use_websockets = draft_.use_websockets.value_or(only_websockets);
    return std::move(config);
  }

  std::string_view name_;
  std::size_t line_ = 0;
  std::string_view section_;
  std::set<std::pair<std::string_view, std::string_view>> seen_;
  Draft draft_;
};

Result<void> check_complete(const ClientConfig& config, std::string_view name) {
  const std::pair<std::string_view, const std::string*> required[] = {
      {"BrokerCertChain", &config.broker_cert_chain},
      {"CertFile", &config.cert_file},
      {"PrivateKey", &config.private_key}};
  for (const auto& [key, value] : required) {
    if (value->empty()) {
      return fail(ErrorCode::kConfiguration, fmt::format("{}: [Certs] {}: missing", name, key));
    }
  }
  return {};
}

}  // namespace

Result<ClientConfig> parse_incomplete_config(std::string_view text, std::string_view name) {
  if (text.size() > kMaxConfigBytes) {
    return fail(ErrorCode::kConfiguration, fmt::format("{}: larger than 1 MiB", name));
  }
  return Parser(name).parse(text);
}

std::optional<BrokerAddress> find_broker(std::string_view value) {
  std::vector<BrokerAddress> brokers;
  if (add_broker(value, brokers)) return std::nullopt;
  return std::move(brokers.front());
}

// Working directory first, as all three original clients do.
std::string resolved_path(const std::filesystem::path& directory, const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  return (directory / path).string();
}

Result<ClientConfig> ClientConfig::parse(std::string_view text, std::string_view name) {
  Result<ClientConfig> config = parse_incomplete_config(text, name);
  if (!config) return config;
  if (const auto complete = check_complete(*config, name); !complete) {
    return fail(complete.error());
  }
  return config;
}

Result<ClientConfig> ClientConfig::load(const std::filesystem::path& file) {
  const auto text = tiara::base::read_regular_head(file, kMaxConfigBytes + 1);
  if (!text) return fail(ErrorCode::kConfiguration, text.error().message);
  Result<ClientConfig> config = parse(*text, file.string());
  if (!config) return config;
  for (std::string* path : {&config->broker_cert_chain, &config->cert_file, &config->private_key}) {
    *path = resolved_path(file.parent_path(), *path);
  }
  return config;
}

}  // namespace dxl
