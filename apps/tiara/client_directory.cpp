#include "tiara/client_directory.hpp"

#include <fmt/format.h>

#include <utility>

#include "broker/file_set.hpp"
#include "broker/policy_file.hpp"
#include "fabric/authorization.hpp"

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
  auto& [client, bundle] = *issued;

  const auto lock = broker::FileLock::acquire(state.policy_lock);
  if (!lock) return dxl::fail(lock.error());
  // Another one may have been faster while the key was made.
  if (auto free = check_free(); !free) return free;
  // A policy that cannot be edited must not leave half a client behind.
  if (const auto policy = broker::load_policy(state.policy); !policy)
    return dxl::fail(policy.error());
  const auto old = broker::read_certificate(certificate);

  // A disk that is full shows when the files are staged, and then nothing has happened.
  const bool is_new = !broker::is_there(directory);
  if (auto made = broker::make_private_directory(directory); !made) return made;
  auto done = broker::stage_files(directory, {{kKey, client.private_key_pem},
                                              {kCertificate, client.certificate_pem},
                                              {kBundle, bundle},
                                              {kConfig, client_config_text(broker)}});
  if (done) done = broker::add_member(state.policy, {name, client.thumbprints, groups});
  if (done) done = broker::commit_files(directory);
  if (!done) {
    broker::discard_files(directory);
    std::error_code ignored;
    if (is_new) std::filesystem::remove(directory, ignored);  // if it is empty
    return done;
  }
  return old ? broker::remove_member(state.policy, old->thumbprints) : done;
}

}  // namespace tiara::app
