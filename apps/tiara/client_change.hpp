// A client gets another certificate: the files of its directory and what the policy says of it,
// changed as one, also when the program is killed in between. What is under way is written in the
// state; from then on either all of it happens or none, and of the two certificates one is left in
// the policy. Callers hold the policy's lock.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "broker/file_set.hpp"
#include "broker/state_directory.hpp"
#include "dxl/result.hpp"
#include "fabric/identity.hpp"

namespace tiara::app {

struct ClientChange {
  std::filesystem::path certificate;       // the file, in the client's directory
  std::optional<fabric::Thumbprints> old;  // what is there now
  fabric::Thumbprints now;
};

// After clear_client_change(). `edit` tells the policy of the new certificate; that of the old one
// goes afterwards. On failure nothing has changed, or, if that could not be undone, is undone at
// the next start.
dxl::Result<void> change_client(const broker::StatePaths& paths, const ClientChange& change,
                                const broker::FileSet& files,
                                const std::function<dxl::Result<void>()>& edit);

// Before the next one, and before its old certificate is read: ends what is left of the last. If
// its directory is gone, its old certificate loses its groups, as it was to in any case.
dxl::Result<void> clear_client_change(const broker::StatePaths& paths);

// Whether a change has been left unfinished.
bool has_client_change(const broker::StatePaths& paths);
// Finishes it, or undoes it when the client has its old files still. A directory that cannot be
// looked at from here (another user's, perhaps) is an error, and the change stays unfinished.
dxl::Result<void> finish_client_change(const broker::StatePaths& paths);

}  // namespace tiara::app
