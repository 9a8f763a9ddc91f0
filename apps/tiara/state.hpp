// A state directory, opened for `up` or `provision`.
#pragma once

#include <string>
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

// Creates what a first start needs. The caller holds the state's lock.
dxl::Result<State> create_or_open_state(const broker::StatePaths& paths,
                                        const SettingSources& sources = {});
// kStorage when there is no state yet.
dxl::Result<State> open_state(const broker::StatePaths& paths, const SettingSources& sources = {});

// The TIE service's certificate chain, root first; issued into STATE/service when missing.
dxl::Result<std::vector<net::PeerCertificate>> service_chain(const State& state);

// The admin client of a first start, and its broker's ports at every start. An admin client that
// was deleted stays deleted.
dxl::Result<void> refresh_admin_client(const State& state, std::uint16_t port,
                                       std::uint16_t web_socket_port);

}  // namespace tiara::app
