// New certificates for the clients that are part of a state: the administrator's and the TIE
// service's. They keep what they may, and nothing comes back that was taken from them.
#pragma once

#include <filesystem>
#include <string>

#include "dxl/result.hpp"
#include "tiara/state.hpp"

namespace tiara::app {

inline constexpr const char* kServiceName = "TiaraService";

// What became of one, in words: "admin client: revoked, not renewed".
using Outcome = std::string;

// What the policy says of the certificate in the file: "its groups stay: A, B".
std::string groups_text(const broker::StatePaths& paths, const std::filesystem::path& certificate);

// Takes the locks of keystore and policy. A client that was deleted or revoked is left alone.
dxl::Result<Outcome> reissue_admin_client(const State& state);

// For its next connection; one that is not there is made by the start that needs it. When the
// present certificate is revoked, the new one gets nothing of what the policy says of it. The
// caller holds the keystore's lock; this takes the policy's.
dxl::Result<Outcome> renew_service(const State& state);

}  // namespace tiara::app
