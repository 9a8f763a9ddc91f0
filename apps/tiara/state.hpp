// A state directory, opened for `up` or `provision`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/keystore.hpp"
#include "broker/state_directory.hpp"
#include "dxl/result.hpp"
#include "net/stream.hpp"
#include "tiara/state_settings.hpp"

namespace tiara::app {

struct State {
  broker::StatePaths paths;
  StateSettings settings;
  broker::SetValues values;  // of every setting, with its origin
  std::string broker_id;     // uuid without braces
  broker::Keystore keystore;
};

// What clients may call this broker in their URLs: for its certificate.
std::vector<std::string> broker_names();

// Before anything is written there. kStorage for a directory that others may write to, and for one
// that holds something else.
dxl::Result<void> check_state_directory(const std::filesystem::path& directory);

// What a program that was killed left half done: the files of the keystore, the service and a
// client, and what the policy says of their certificates. Takes the locks of both.
dxl::Result<void> finish_interrupted(const broker::StatePaths& paths);

// For commands on a state. kStorage when there is none, with what makes one; for the directory of a
// `tiara server`, with what belongs there instead.
dxl::Result<void> check_is_state(const broker::StatePaths& paths);
// The latter alone: a first start finds no state.
dxl::Result<void> check_is_no_server(const broker::StatePaths& paths);

// Creates what a first start needs. The caller holds the state's lock.
dxl::Result<State> create_or_open_state(const broker::StatePaths& paths,
                                        const SettingSources& sources = {});
// kStorage when there is no state yet.
dxl::Result<State> open_state(const broker::StatePaths& paths, const SettingSources& sources = {});

// uuid without braces; kConfiguration when the file holds none.
dxl::Result<std::string> read_broker_id(const std::filesystem::path& file);
// The TIE service's certificate, key and chain, as they are.
dxl::Result<void> check_service(const State& state);

// Has a running broker reread its policy files and returns when they are in force; at once when
// none runs. `done`: what is written already, for the error.
dxl::Result<bool> confirm_policy(const broker::StatePaths& paths, std::string_view done);

// The same error as kStorage: what keeps a state from being used is exit code 8, whatever it is.
dxl::Error unusable(const dxl::Error& error, const std::filesystem::path& where);

// The TIE service's certificate chain, root first; issued into STATE/service when missing. Takes
// the keystore's lock.
dxl::Result<std::vector<net::PeerCertificate>> service_chain(const State& state);

// The admin client of a first start, and its broker's ports at every start. An admin client that
// was deleted stays deleted.
dxl::Result<void> refresh_admin_client(const State& state, std::uint16_t port,
                                       std::uint16_t web_socket_port);

}  // namespace tiara::app
