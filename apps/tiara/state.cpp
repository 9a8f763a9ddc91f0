#include "tiara/state.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.hpp"
#include "base/ports.hpp"
#include "broker/authority.hpp"
#include "broker/control.hpp"
#include "broker/file_set.hpp"
#include "broker/policy_file.hpp"
#include "broker/rotation_policy.hpp"
#include "dxl/client_config.hpp"
#include "fabric/authorization.hpp"
#include "tiara/client_change.hpp"
#include "tiara/client_directory.hpp"
#include "tiara/own_clients.hpp"
#include "tiara/store_mark.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

bool is_uuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view kDigits = "0123456789abcdef";
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(), [&](char c, char shape) {
           return shape == '-' ? c == '-' : kDigits.find(c) != std::string_view::npos;
         });
}

dxl::Result<void> write_if_missing(const std::filesystem::path& file, const std::string& text) {
  if (broker::is_there(file)) return {};
  return broker::write_file_atomically(file, text);
}

std::vector<std::string> all_groups() {
  const auto& known = fabric::known_groups();
  return {known.begin(), known.end()};
}

// A key of [fabric], as only the settings of a `tiara server` have; they may hold mistakes.
bool names_a_fabric(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.starts_with("[fabric]") || line.starts_with("fabric.")) return true;
  }
  return false;
}

// What an earlier start made must not be made anew in silence: new CAs lock every client out, a new
// store has forgotten everything.
dxl::Result<void> check_nothing_lost(const broker::StatePaths& paths) {
  const auto lost = [](const std::filesystem::path& file) {
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{}: was part of this state and is missing; restore it from a "
                                 "copy, or start with a new state directory",
                                 file.string()));
  };
  if (auto kept = check_store_kept(store_mark(paths.root), paths.store); !kept) return kept;
  // The admin client is made after the keystore.
  if (!broker::is_there(paths.admin_client.parent_path())) return {};
  for (const auto& file :
       {paths.broker_id, paths.keystore / "ca-client.crt", paths.keystore / "ca-broker.crt"})
    if (!broker::is_there(file)) return lost(file);
  return {};
}

// The caller holds the keystore's lock.
dxl::Result<void> finish_files(const broker::StatePaths& paths) {
  for (const auto& directory : {paths.root, paths.keystore, paths.service, paths.admin_client})
    broker::remove_abandoned(directory);
  for (const auto& directory : {paths.keystore, paths.service})
    broker::discard_files(directory);  // staged, and nothing has changed yet
  if (auto finished = broker::finish_files(paths.keystore); !finished) return finished;
  return broker::finish_files(paths.service);
}

// That it cannot be finished keeps nobody out: two certificates of a client stay in the policy, or
// what a rotation is to add is not there yet.
void warn_unfinished(std::string_view what, const dxl::Error& why) {
  base::log(base::LogLevel::kWarning, "state", "{} was interrupted and cannot be finished: {}",
            what, why.message);
}

// Clients are written under the policy's lock.
dxl::Result<void> finish_clients(const broker::StatePaths& paths) {
  const auto lock = broker::FileLock::acquire(paths.policy_lock);
  if (!lock) return dxl::fail(lock.error());
  if (const auto finished = finish_client_change(paths); !finished)
    warn_unfinished("the replacement of a client's certificate", finished.error());
  broker::discard_files(paths.admin_client);
  return broker::finish_files(paths.admin_client);
}

dxl::Result<void> make_service(const State& state) {
  const auto issued = state.keystore.issue_client(kServiceName);
  if (!issued) return dxl::fail(issued.error());
  if (auto made = broker::make_private_directory(state.paths.service); !made) return made;
  return broker::replace_files(state.paths.service, {{"service.key", issued->private_key_pem},
                                                     {"service.crt", issued->certificate_pem}});
}

dxl::Result<void> finish_under_lock(const broker::StatePaths& paths) {
  if (auto finished = finish_files(paths); !finished) return finished;
  if (auto finished = finish_clients(paths); !finished) return finished;
  if (const auto settled = broker::settle_policy(paths); !settled)
    warn_unfinished("the change of the policy by a rotation", settled.error());
  return {};
}

}  // namespace

dxl::Result<std::string> read_broker_id(const std::filesystem::path& file) {
  auto text = broker::read_file(file);
  if (!text) return dxl::fail(text.error());
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  if (!is_uuid(*text))
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: expected a lower-case uuid without braces", file.string()));
  return text;
}

dxl::Result<void> check_service(const State& state) {
  const auto certificate = broker::read_file(state.paths.service / "service.crt"),
             key = broker::read_file(state.paths.service / "service.key"),
             bundle = broker::read_file(state.keystore.client_ca());
  if (!certificate) return dxl::fail(certificate.error());
  if (!key) return dxl::fail(key.error());
  if (!bundle) return dxl::fail(bundle.error());
  if (auto checked = broker::check_key(*certificate, *key); !checked) return checked;
  return broker::check_chain(*certificate, *bundle);
}

// What clients on this machine and its neighbours call it, for those that check the name they asked
// for. A host name that cannot be one in DNS is left out.
std::vector<std::string> broker_names() {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return names;
  const std::string name(buffer.data());
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
  if (!name.empty() && is_plain && name != names.front()) names.push_back(name);
  return names;
}

dxl::Result<void> check_state_directory(const std::filesystem::path& directory) {
  std::error_code error;
  const auto status = std::filesystem::status(directory, error);
  if (!std::filesystem::exists(status)) return {};
  using std::filesystem::perms;
  if ((status.permissions() & (perms::group_write | perms::others_write)) != perms::none)
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{0}: others may write there and replace keys; `chmod go-w {0}`",
                                 directory.string()));
  const bool is_empty = std::filesystem::is_empty(directory, error);
  // tiara.toml alone: settings written, or imported, before the first start.
  const bool is_state =
      broker::is_there(directory / "lock") || broker::is_there(directory / "tiara.toml");
  if (error || is_empty || is_state) return {};
  return dxl::fail(
      ErrorCode::kStorage,
      fmt::format("{}: neither empty nor a state of ours; choose a directory that does "
                  "not exist yet",
                  directory.string()));
}

dxl::Error unusable(const dxl::Error& error, const std::filesystem::path& where) {
  if (error.code == ErrorCode::kStorage) return error;
  return {ErrorCode::kStorage, fmt::format("{}: {}", where.string(), error.message), 0};
}

dxl::Result<void> finish_interrupted(const broker::StatePaths& paths) {
  const auto lock = broker::FileLock::acquire(paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  return finish_under_lock(paths);
}

dxl::Result<void> check_is_no_server(const broker::StatePaths& paths) {
  if (broker::is_there(paths.broker_id) || !broker::is_there(paths.config)) return {};
  const auto text = broker::read_file(paths.config);
  if (!text || !names_a_fabric(*text)) return {};
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: the directory of a `tiara server`, not a state of `tiara up`; "
                               "`tiara server --config {} --check-config` checks it",
                               paths.root.string(), paths.config.string()));
}

dxl::Result<void> check_is_state(const broker::StatePaths& paths) {
  if (auto checked = check_is_no_server(paths); !checked) return checked;
  if (broker::is_there(paths.broker_id)) return {};
  return dxl::fail(
      ErrorCode::kStorage,
      fmt::format("{0}: no state there; `tiara up --state {0}` creates one", paths.root.string()));
}

dxl::Result<State> create_or_open_state(const broker::StatePaths& paths,
                                        const SettingSources& sources) {
  if (auto checked = check_is_no_server(paths); !checked) return dxl::fail(checked.error());
  if (auto whole = check_nothing_lost(paths); !whole) return dxl::fail(whole.error());
  if (auto written = write_if_missing(paths.config, initial_state_settings_text()); !written)
    return dxl::fail(written.error());
  // The id marks a state that has been started before: from then on a missing policy is not made
  // anew but stops the start.
  if (!broker::is_there(paths.broker_id)) {
    base::SystemRandom random;
    for (const auto& [file, text] : {std::pair(paths.policy, broker::initial_policy_text()),
                                     std::pair(paths.broker_id, base::make_uuid(random) + "\n")})
      if (auto written = write_if_missing(file, text); !written) return dxl::fail(written.error());
  }
  auto id = read_broker_id(paths.broker_id);
  if (!id) return dxl::fail(id.error());
  auto loaded = load_state_settings(paths.config, sources);
  if (!loaded) return dxl::fail(loaded.error());
  const auto lock = broker::FileLock::acquire(paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  if (auto finished = finish_under_lock(paths); !finished) return dxl::fail(finished.error());
  auto keystore = broker::Keystore::create_or_open(paths.keystore, *id, broker_names());
  if (!keystore) return dxl::fail(unusable(keystore.error(), paths.keystore));
  if (auto checked = broker::check_keystore(paths.keystore); !checked)
    return dxl::fail(checked.error());
  return State{paths, std::move(loaded->settings), std::move(loaded->values), std::move(*id),
               std::move(*keystore)};
}

dxl::Result<State> open_state(const broker::StatePaths& paths, const SettingSources& sources) {
  if (auto checked = check_is_state(paths); !checked) return dxl::fail(checked.error());
  auto id = read_broker_id(paths.broker_id);
  if (!id) return dxl::fail(id.error());
  auto loaded = load_state_settings(paths.config, sources);
  if (!loaded) return dxl::fail(loaded.error());
  const auto lock = broker::FileLock::acquire(paths.keystore_lock);
  if (!lock) return dxl::fail(lock.error());
  if (auto finished = finish_under_lock(paths); !finished) return dxl::fail(finished.error());
  auto keystore = broker::Keystore::open(paths.keystore);
  if (!keystore) return dxl::fail(keystore.error());
  return State{paths, std::move(loaded->settings), std::move(loaded->values), std::move(*id),
               std::move(*keystore)};
}

dxl::Result<bool> confirm_policy(const broker::StatePaths& paths, std::string_view done) {
  const auto confirmed = broker::control(paths.control, "reload");
  // Nobody listens: the next broker on this state reads the policy when it starts.
  if (confirmed) return true;
  if (confirmed.error().code == ErrorCode::kConnect) return false;
  return dxl::fail(confirmed.error().code,
                   fmt::format("{}, but the running broker did not take the policy: {}", done,
                               confirmed.error().message));
}

dxl::Result<std::vector<net::PeerCertificate>> service_chain(const State& state) {
  const std::filesystem::path certificate = state.paths.service / "service.crt";
  // Nobody changes half of it meanwhile; what a killed program left half done is done first.
  const auto held = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!held) return dxl::fail(held.error());
  if (auto finished = broker::finish_files(state.paths.service); !finished)
    return dxl::fail(finished.error());
  if (!broker::is_there(certificate)) {
    if (auto made = make_service(state); !made)
      return dxl::fail(unusable(made.error(), state.paths.keystore));
  }
  if (auto checked = check_service(state); !checked)
    return dxl::fail(unusable(checked.error(), certificate));
  std::vector<net::PeerCertificate> chain;
  for (const auto& file : {state.keystore.client_ca(), certificate}) {
    auto info = broker::read_certificate(file);
    if (!info) return dxl::fail(unusable(info.error(), file));
    chain.push_back({info->thumbprints.sha1, info->thumbprints.sha256, info->subject});
  }
  return chain;
}

dxl::Result<void> refresh_admin_client(const State& state, std::uint16_t port,
                                       std::uint16_t web_socket_port) {
  const std::filesystem::path& directory = state.paths.admin_client;
  const std::filesystem::path file = directory / "dxlclient.config";
  const BrokerAt broker{state.broker_id, port, web_socket_port, ""};
  if (broker::is_there(file)) {
    const auto config = dxl::ClientConfig::load(file);
    const auto has = [](const std::vector<dxl::BrokerAddress>& brokers, std::uint16_t wanted) {
      return wanted == 0 ? brokers.empty() : !brokers.empty() && brokers.front().port == wanted;
    };
    if (config && has(config->brokers, port) && has(config->websocket_brokers, web_socket_port))
      return {};
    return broker::write_file_atomically(file, client_config_text(broker));
  }
  // `clients` is there without `admin`: somebody deleted it. `admin` without its configuration: a
  // first start was interrupted.
  if (broker::is_there(directory.parent_path()) && !broker::is_there(directory)) return {};
  // Its certificate keeps the rights it has; it gets no new one with all of them.
  if (holds_certificate(directory)) return write_client_config(directory, broker);
  if (auto made = broker::make_private_directory(directory.parent_path()); !made) return made;
  return write_client(directory, state.paths, state.keystore, "admin", all_groups(), broker, true);
}

}  // namespace tiara::app
