// One certificate takes another's place in authorization.toml: a CA that is replaced, a client of
// ours that gets a new certificate. Comments and all else stay as they are written; what cannot be
// edited is kConfiguration, and nothing has changed. Callers hold the state's policy lock.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "fabric/authorization.hpp"

namespace tiara::broker {

// What the file says of `old` it says of `now` as well: behind each member comes one of the same
// groups, behind each thumbprint in a topic rule one of the same kind. Where `now` stands already,
// nothing is added. Returns what was, for people: "member scanner", "send /t".
dxl::Result<std::vector<std::string>> add_successor(const std::filesystem::path& file,
                                                    const fabric::Thumbprints& old,
                                                    const fabric::Thumbprints& now);
// Whether add_successor() can; writes nothing.
dxl::Result<void> check_successor(const std::filesystem::path& file,
                                  const fabric::Thumbprints& old);

// Members with `gone` go, and so does its thumbprint in topic rules that name `stays`, too. Other
// rules keep it: without it they would admit nobody, or somebody else.
dxl::Result<void> retire_certificate(const std::filesystem::path& file,
                                     const fabric::Thumbprints& gone,
                                     const fabric::Thumbprints& stays);

// Members and topic rules that name `old` and not `now`, in the words of add_successor().
std::vector<std::string> find_without_successor(const fabric::Policy& policy,
                                                const fabric::Thumbprints& old,
                                                const fabric::Thumbprints& now);

}  // namespace tiara::broker
