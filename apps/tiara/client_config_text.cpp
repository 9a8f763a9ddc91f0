#include "tiara/client_config_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "dxl/client_config.hpp"

namespace tiara::app {
namespace {

using dxl::BrokerAddress;
using dxl::ErrorCode;
using Brokers = std::vector<BrokerAddress>;

std::string value_of(const BrokerAddress& broker) {
  return fmt::format("{};{};{}{}{}", broker.id.value, broker.port, broker.host,
                     broker.ip.empty() ? "" : ";", broker.ip);
}

std::string line_of(const BrokerAddress& broker) {
  return fmt::format("{} = {}", broker.id.value, value_of(broker));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The lines of a file without their ends, and which ends it has.
struct Lines {
  std::vector<std::string> all;
  std::string_view end = "\n";
};

Lines split(std::string_view text) {
  Lines lines;
  if (const std::size_t first = text.find('\n');
      first != std::string_view::npos && first > 0 && text[first - 1] == '\r')
    lines.end = "\r\n";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.all.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The name in "[name]"; a byte order mark may stand before the first.
std::optional<std::string_view> find_section(std::string_view line) {
  if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
  line = trimmed(line);
  if (!line.starts_with('[') || !line.ends_with(']')) return std::nullopt;
  return trimmed(line.substr(1, line.size() - 2));
}

bool is_entry(std::string_view line) {
  line = trimmed(line);
  return !line.empty() && line[0] != '#' && line[0] != ';' && line[0] != '[';
}

// The key as the configuration's reader takes it, without quotes.
std::string_view key_of(std::string_view line) {
  std::string_view key = trimmed(line.substr(0, line.find('=')));
  const bool is_quoted =
      key.size() >= 2 && (key[0] == '"' || key[0] == '\'') && key.back() == key.front();
  return is_quoted ? key.substr(1, key.size() - 2) : key;
}

// The entries of one section replaced: brokers that stay keep their place, with what is said of
// them above, new ones follow the last, and the others go.
class SectionEdit {
 public:
  SectionEdit(std::string_view section, const Brokers& brokers)
      : section_(section), left_(brokers) {}

  std::vector<std::string> apply(const std::vector<std::string>& lines) {
    bool inside = false;
    for (const std::string& line : lines) {
      if (const auto name = find_section(line)) {
        inside = *name == section_;
        out_.push_back(line);
        if (inside) insert_at_ = out_.size();
      } else if (inside && is_entry(line)) {
        replace(line);
      } else {
        out_.push_back(line);
      }
    }
    add_rest();
    return std::move(out_);
  }

 private:
  void replace(const std::string& line) {
    const auto same = std::find_if(left_.begin(), left_.end(), [&](const BrokerAddress& broker) {
      return broker.id.value == key_of(line);
    });
    if (same == left_.end()) return;
    out_.push_back(line_of(*same));
    left_.erase(same);
    insert_at_ = out_.size();
  }

  void add_rest() {
    if (!insert_at_) {
      if (!out_.empty() && !trimmed(out_.back()).empty()) out_.emplace_back();
      out_.push_back(fmt::format("[{}]", section_));
      insert_at_ = out_.size();
    }
    std::vector<std::string> lines;
    for (const BrokerAddress& broker : left_) lines.push_back(line_of(broker));
    out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(*insert_at_), lines.begin(),
                lines.end());
  }

  std::string_view section_;
  Brokers left_;
  std::vector<std::string> out_;
  std::optional<std::size_t> insert_at_;
};

std::string join(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines.all) {
    text += line;
    text += lines.end;
  }
  return text;
}

// What the reader takes from a line written here.
Brokers as_read(Brokers brokers) {
  for (BrokerAddress& broker : brokers)
    for (std::string* host : {&broker.host, &broker.ip})
      if (host->size() >= 2 && host->front() == '[' && host->back() == ']')
        *host = host->substr(1, host->size() - 2);
  return brokers;
}

bool are_same(Brokers one, Brokers other) {
  return std::is_permutation(one.begin(), one.end(), other.begin(), other.end());
}

}  // namespace

std::string new_client_config(std::string_view prefix, std::string_view bundle,
                              const BrokerLists& lists) {
  std::string text = fmt::format(
      "[General]\n"
      "#UseWebSockets = False\n"
      "\n"
      "[Certs]\n"
      "BrokerCertChain = {0}\n"
      "CertFile = {1}.crt\n"
      "PrivateKey = {1}.key\n"
      "\n"
      "[Brokers]\n",
      bundle, prefix);
  for (const BrokerAddress& broker : lists.brokers) text += line_of(broker) + '\n';
  text += "\n[BrokersWebSockets]\n";
  for (const BrokerAddress& broker : lists.websocket_brokers.value_or(Brokers()))
    text += line_of(broker) + '\n';
  return text;
}

dxl::Result<std::string> update_client_config(std::string_view text, const BrokerLists& lists) {
  Lines lines = split(text);
  lines.all = SectionEdit("Brokers", lists.brokers).apply(lines.all);
  if (lists.websocket_brokers)
    lines.all = SectionEdit("BrokersWebSockets", *lists.websocket_brokers).apply(lines.all);
  std::string updated = join(lines);
  // Whatever the file looked like: it is not written unless it says what it has to.
  const auto config = dxl::ClientConfig::parse(updated, "the new configuration");
  if (!config) return dxl::fail(config.error());
  if (!are_same(config->brokers, as_read(lists.brokers)) ||
      (lists.websocket_brokers &&
       !are_same(config->websocket_brokers, as_read(*lists.websocket_brokers))))
    return dxl::fail(ErrorCode::kConfiguration,
                     "the configuration is laid out in a way that cannot be edited; nothing was "
                     "changed");
  return updated;
}

}  // namespace tiara::app
