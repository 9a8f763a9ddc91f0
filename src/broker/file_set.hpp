// Several files of one directory changed as one, also when the program is killed in between.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "dxl/result.hpp"

namespace tiara::broker {

// Name -> new text (0600), or nothing: the file goes.
using FileSet = std::map<std::string, std::optional<std::string>>;

// The new files are written into DIR/.next.tmp and synced: a full disk shows here, and nothing has
// changed yet. What an earlier change has left unfinished is finished first. On failure nothing is
// left behind.
dxl::Result<void> stage_files(const std::filesystem::path& directory, const FileSet& files);
// Staged files get the mode, and if that is allowed the owner, of those whose place they take.
void keep_modes(const std::filesystem::path& directory);
// From its first step, a rename to DIR/.next, the change is bound to happen.
dxl::Result<void> commit_files(const std::filesystem::path& directory);
void discard_files(const std::filesystem::path& directory);

// Both at once.
dxl::Result<void> replace_files(const std::filesystem::path& directory, const FileSet& files);
// Finishes what a crash interrupted. One caller at a time.
dxl::Result<void> finish_files(const std::filesystem::path& directory);

}  // namespace tiara::broker
