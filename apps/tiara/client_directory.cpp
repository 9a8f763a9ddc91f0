#include "tiara/client_directory.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "broker/file_set.hpp"
#include "broker/policy_file.hpp"
#include "broker/policy_succession.hpp"
#include "fabric/authorization.hpp"
#include "tiara/client_change.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

constexpr const char* kConfig = "dxlclient.config";
constexpr const char* kCertificate = "client.crt";
constexpr const char* kKey = "client.key";
constexpr const char* kBundle = "brokercerts.crt";

// A certificate, and the bundle that goes with it; nobody replaces the CAs in between.
dxl::Result<std::pair<broker::IssuedCertificate, std::string>> issue(
    const broker::StatePaths& state, const broker::Keystore& keystore, const std::string& name) {
  const auto held = broker::FileLock::acquire(state.keystore_lock);
  if (!held) return dxl::fail(held.error());
  auto bundle = broker::read_file(keystore.broker_ca_bundle());
  if (!bundle) return dxl::fail(bundle.error());
  auto issued = keystore.issue_client(name);
  if (!issued) return dxl::fail(issued.error());
  return std::pair(*std::move(issued), *std::move(bundle));
}

broker::FileSet files_of(const std::pair<broker::IssuedCertificate, std::string>& issued,
                         const BrokerAt& broker) {
  const auto& [client, bundle] = issued;
  return {{kKey, client.private_key_pem},
          {kCertificate, client.certificate_pem},
          {kBundle, bundle},
          {kConfig, client_config_text(broker)}};
}

std::optional<fabric::Thumbprints> thumbprints_in(const std::filesystem::path& certificate) {
  const auto found = broker::read_certificate(certificate);
  return found ? std::optional(found->thumbprints) : std::nullopt;
}

}  // namespace

// The id is in braces because the JavaScript client reads leading digits as the port.
std::string client_config_text(const BrokerAt& broker) {
  const std::string host = broker.host.empty() ? "localhost;127.0.0.1" : broker.host;
  std::string text = fmt::format(
      "[General]\n"
      "#UseWebSockets = False\n"
      "\n"
      "[Certs]\n"
      "BrokerCertChain = {2}\n"
      "CertFile = {3}\n"
      "PrivateKey = {4}\n"
      "\n"
      "[Brokers]\n"
      "{{{0}}} = {{{0}}};{1};{5}\n"
      "\n"
      "[BrokersWebSockets]\n",
      broker.id, broker.port, kBundle, kCertificate, kKey, host);
  if (broker.web_socket_port != 0)
    text += fmt::format("{{{0}}} = {{{0}}};{1};{2}\n", broker.id, broker.web_socket_port, host);
  return text;
}

dxl::Result<void> write_client(const std::filesystem::path& directory,
                               const broker::StatePaths& state, const broker::Keystore& keystore,
                               const std::string& name, const std::vector<std::string>& groups,
                               const BrokerAt& broker, bool replace) {
  const std::filesystem::path certificate = directory / kCertificate;
  const auto check_free = [&]() -> dxl::Result<void> {
    const bool occupied =
        broker::is_there(directory / kConfig) || broker::is_there(directory / kKey);
    if (!occupied || replace) return {};
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("{}: holds a client; --force replaces it", directory.string()));
  };
  if (auto free = check_free(); !free) return free;
  auto issued = issue(state, keystore, name);
  if (!issued) return dxl::fail(issued.error());

  const auto lock = broker::FileLock::acquire(state.policy_lock);
  if (!lock) return dxl::fail(lock.error());
  // Another one may have been faster while the key was made.
  if (auto free = check_free(); !free) return free;
  // A policy that cannot be edited must not leave half a client behind.
  if (const auto policy = broker::load_policy(state.policy); !policy)
    return dxl::fail(policy.error());
  if (auto cleared = clear_client_change(state); !cleared) return cleared;

  // A disk that is full shows when the files are staged, and then nothing has happened.
  const bool is_new = !broker::is_there(directory);
  if (auto made = broker::make_private_directory(directory); !made) return made;
  const fabric::Thumbprints& now = issued->first.thumbprints;
  auto done = change_client(state, {certificate, thumbprints_in(certificate), now},
                            files_of(*issued, broker), [&] {
                              return broker::add_member(state.policy, {name, now, groups});
                            });
  std::error_code ignored;
  if (!done && is_new) std::filesystem::remove(directory, ignored);  // if it is empty
  return done;
}

dxl::Result<void> reissue_client(const std::filesystem::path& directory,
                                 const broker::StatePaths& state, const broker::Keystore& keystore,
                                 const std::string& name, const BrokerAt& broker) {
  const auto issued = issue(state, keystore, name);
  if (!issued) return dxl::fail(issued.error());
  const auto lock = broker::FileLock::acquire(state.policy_lock);
  if (!lock) return dxl::fail(lock.error());
  if (auto cleared = clear_client_change(state); !cleared) return cleared;
  const std::filesystem::path certificate = directory / kCertificate;
  const auto old = thumbprints_in(certificate);
  const fabric::Thumbprints& now = issued->first.thumbprints;
  return change_client(state, {certificate, old, now}, files_of(*issued, broker),
                       [&]() -> dxl::Result<void> {
                         if (!old) return {};
                         const auto added = broker::add_successor(state.policy, *old, now);
                         return added ? dxl::Result<void>() : dxl::fail(added.error());
                       });
}

dxl::Result<void> write_client_config(const std::filesystem::path& directory,
                                      const BrokerAt& broker) {
  return broker::write_file_atomically(directory / kConfig, client_config_text(broker));
}

bool holds_certificate(const std::filesystem::path& directory) {
  return broker::is_there(directory / kCertificate) && broker::is_there(directory / kKey);
}

}  // namespace tiara::app
