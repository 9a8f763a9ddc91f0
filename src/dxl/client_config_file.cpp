#include "dxl/client_config_file.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/regular_file.hpp"
#include "base/replace_file.hpp"
#include "dxl/client_config_reader.hpp"
#include "dxl/ini_lines.hpp"

namespace dxl {
namespace {

// The order of sections, and the hint, are those of the original's provisioning (§3.5).
constexpr std::string_view kEmptyFile =
    "[Certs]\n\n[Brokers]\n\n[BrokersWebSockets]\n\n[General]\n#UseWebSockets = False\n";

std::string broker_line(const BrokerAddress& broker) {
  std::string line = broker.id.empty() ? "" : broker.id.value + ";";
  line += fmt::format("{};{}", broker.port, broker.host);
  if (!broker.ip.empty()) line += ";" + broker.ip;
  return line;
}

// A broker's key is for people; readers only want it to be there once.
std::string new_key(const BrokerAddress& broker, const IniLines& lines, std::string_view section) {
  std::string key = broker.id.value;
  for (int number = 1; key.empty() || lines.find(section, key); ++number) {
    key = fmt::format("broker{}", number);
  }
  return key;
}

class BrokerSection {
 public:
  BrokerSection(IniLines& lines, std::string_view section) : lines_(lines), section_(section) {}

  void update(const std::vector<BrokerAddress>& wanted) {
    keys_.assign(wanted.size(), "");
    match(wanted, [](const BrokerAddress& a, const BrokerAddress& b) { return a == b; });
    // The same broker at another address keeps its place and its comment.
    match(wanted, [](const BrokerAddress& a, const BrokerAddress& b) {
      return !a.id.empty() && a.id == b.id;
    });
    for (const IniLines::Entry& entry : lines_.entries(section_)) {
      if (!used_.contains(entry.key)) lines_.remove(section_, entry.key);
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) write(wanted[i], keys_[i]);
    put_in_order();
  }

 private:
  template <class Same>
  void match(const std::vector<BrokerAddress>& wanted, Same same) {
    const auto entries = lines_.entries(section_);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!keys_[i].empty()) continue;
      for (const IniLines::Entry& entry : entries) {
        const auto broker = find_broker(entry.value);
        if (used_.contains(entry.key) || !broker || !same(*broker, wanted[i])) continue;
        keys_[i] = entry.key;
        used_.insert(entry.key);
        break;
      }
    }
  }

  void write(const BrokerAddress& broker, std::string& key) {
    if (key.empty()) {
      key = new_key(broker, lines_, section_);
    } else if (find_broker(*lines_.find(section_, key)) == broker) {
      return;
    }
    lines_.set(section_, key, broker_line(broker));
  }

  // The JavaScript client tries brokers in the order of the file.
  void put_in_order() {
    const auto entries = lines_.entries(section_);
    std::vector<IniLines::Entry> ordered;
    for (const std::string& key : keys_) {
      const auto entry = std::find_if(entries.begin(), entries.end(),
                                      [&](const IniLines::Entry& e) { return e.key == key; });
      if (entry != entries.end()) ordered.push_back(*entry);
    }
    const bool same = std::equal(
        ordered.begin(), ordered.end(), entries.begin(), entries.end(),
        [](const IniLines::Entry& a, const IniLines::Entry& b) { return a.key == b.key; });
    if (!same && ordered.size() == entries.size()) lines_.replace_entries(section_, ordered);
  }

  IniLines& lines_;
  std::string_view section_;
  std::vector<std::string> keys_;  // of each wanted broker
  std::set<std::string> used_;
};

void update_value(IniLines& lines, std::string_view section, std::string_view key,
                  const std::string& value) {
  const auto now = lines.find(section, key);
  if (now.value_or("") == value) return;
  lines.set(section, key, value);
}

// Without a value there is no key.
void update_optional(IniLines& lines, std::string_view section, std::string_view key,
                     const std::string& value) {
  if (value.empty()) {
    lines.remove(section, key);
  } else {
    update_value(lines, section, key, value);
  }
}

void update_path(IniLines& lines, const std::filesystem::path& directory, std::string_view key,
                 const std::string& wanted) {
  const auto written = lines.find("Certs", key);
  if (written && resolved_path(directory, *written) == wanted) return;
  update_value(lines, "Certs", key, wanted);
}

void update_proxy(IniLines& lines, const std::optional<ProxyConfig>& proxy) {
  const ProxyConfig wanted = proxy.value_or(ProxyConfig{});
  update_optional(lines, "Proxy", "Address", wanted.address);
  update_optional(lines, "Proxy", "Port", proxy ? std::to_string(wanted.port) : "");
  update_optional(lines, "Proxy", "User", wanted.user);
  update_optional(lines, "Proxy", "Password", wanted.password);
}

void update_use_websockets(IniLines& lines, std::string_view name, bool wanted) {
  // What other lines make of it decides whether it must be said.
  const auto now = parse_incomplete_config(lines.text(), name);
  if (now && now->use_websockets == wanted) return;
  lines.set("General", "UseWebSockets", wanted ? "True" : "False");
}

bool same_proxy(const std::optional<ProxyConfig>& a, const std::optional<ProxyConfig>& b) {
  if (!a || !b) return !a && !b;
  return a->address == b->address && a->port == b->port && a->user == b->user &&
         a->password == b->password;
}

// The key whose value did not survive the format, or nullptr.
const char* find_difference(const ClientConfig& a, const ClientConfig& b) {
  if (a.broker_cert_chain != b.broker_cert_chain) return "[Certs] BrokerCertChain";
  if (a.cert_file != b.cert_file) return "[Certs] CertFile";
  if (a.private_key != b.private_key) return "[Certs] PrivateKey";
  if (a.brokers != b.brokers) return "[Brokers]";
  if (a.websocket_brokers != b.websocket_brokers) return "[BrokersWebSockets]";
  if (a.use_websockets != b.use_websockets) return "[General] UseWebSockets";
  if (a.client_id != b.client_id) return "[General] ClientId";
  if (!same_proxy(a.proxy, b.proxy)) return "[Proxy]";
  return nullptr;
}

bool has_line_break(const std::string& text) {
  return text.find_first_of("\r\n") != std::string::npos;
}

bool has_line_break(const std::vector<BrokerAddress>& brokers) {
  return std::any_of(brokers.begin(), brokers.end(), [](const BrokerAddress& broker) {
    return has_line_break(broker.id.value) || has_line_break(broker.host) ||
           has_line_break(broker.ip);
  });
}

// The key whose value would become lines of their own, or nullptr.
const char* find_line_break(const ClientConfig& config) {
  if (has_line_break(config.broker_cert_chain)) return "[Certs] BrokerCertChain";
  if (has_line_break(config.cert_file)) return "[Certs] CertFile";
  if (has_line_break(config.private_key)) return "[Certs] PrivateKey";
  if (has_line_break(config.brokers)) return "[Brokers]";
  if (has_line_break(config.websocket_brokers)) return "[BrokersWebSockets]";
  if (config.client_id && has_line_break(config.client_id->value)) return "[General] ClientId";
  const ProxyConfig proxy = config.proxy.value_or(ProxyConfig{});
  const bool in_proxy =
      has_line_break(proxy.address) || has_line_break(proxy.user) || has_line_break(proxy.password);
  return in_proxy ? "[Proxy]" : nullptr;
}

void resolve_paths(const std::filesystem::path& directory, ClientConfig& config) {
  for (std::string* path : {&config.broker_cert_chain, &config.cert_file, &config.private_key}) {
    if (!path->empty()) *path = resolved_path(directory, *path);
  }
}

}  // namespace

Result<ClientConfigFile> ClientConfigFile::load(const std::filesystem::path& file) {
  auto text = tiara::base::read_regular_head(file, kMaxConfigBytes + 1);
  if (!text) return fail(ErrorCode::kConfiguration, text.error().message);
  return parse(std::move(*text), file.string());
}

Result<ClientConfigFile> ClientConfigFile::parse(std::string text, std::string_view name) {
  const auto config = parse_incomplete_config(text, name);
  if (!config) return fail(config.error());
  return ClientConfigFile(std::move(text), std::string(name));
}

ClientConfigFile ClientConfigFile::make_empty(std::string_view name) {
  return {std::string(kEmptyFile), std::string(name)};
}

Result<ClientConfig> ClientConfigFile::config() const {
  auto config = parse_incomplete_config(text_, name_);
  if (config) resolve_paths(std::filesystem::path(name_).parent_path(), *config);
  return config;
}

Result<void> ClientConfigFile::update(const ClientConfig& config) {
  if (const char* key = find_line_break(config)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: {}: a value cannot hold a line break", name_, key));
  }
  IniLines lines(text_);
  if (const auto repeated = lines.find_repeated_section()) {
    return fail(ErrorCode::kConfiguration,
                fmt::format("{}: section [{}] stands in the file twice: join them before it is "
                            "changed",
                            name_, *repeated));
  }
  const auto directory = std::filesystem::path(name_).parent_path();
  update_path(lines, directory, "BrokerCertChain", config.broker_cert_chain);
  update_path(lines, directory, "CertFile", config.cert_file);
  update_path(lines, directory, "PrivateKey", config.private_key);
  BrokerSection(lines, "Brokers").update(config.brokers);
  BrokerSection(lines, "BrokersWebSockets").update(config.websocket_brokers);
  update_optional(lines, "General", "ClientId", config.client_id ? config.client_id->value : "");
  update_proxy(lines, config.proxy);
  update_use_websockets(lines, name_, config.use_websockets);

  // Whatever a value holds, the file must say it as a reader will take it, or stay as it was.
  std::string text = lines.text();
  auto written = parse_incomplete_config(text, name_);
  if (!written) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot write this: {}", written.error().message));
  }
  ClientConfig wanted = config;
  resolve_paths(directory, wanted);
  resolve_paths(directory, *written);
  if (const char* key = find_difference(*written, wanted)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: {}: the file's format cannot hold this value", name_, key));
  }
  text_ = std::move(text);
  return {};
}

Result<void> ClientConfigFile::save(const std::filesystem::path& file) const {
  return tiara::base::replace_private_file(file, text_);
}

}  // namespace dxl
