// The directory `tiara client` writes into: one program at a time, all files or none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "broker/file_set.hpp"
#include "dxl/result.hpp"

namespace tiara::app {

// A client's directory while a command works on it. What an earlier command that was killed had
// begun to put into place is finished first, with a line on stderr.
class ClientFiles {
 public:
  enum class Missing : bool { kCreate, kRefuse };

  // kInUse when another command has it, kStorage when it cannot be made (0700) or opened; with
  // kRefuse kConfiguration when it is not there.
  static dxl::Result<ClientFiles> open(const std::filesystem::path& directory, Missing missing);
  ClientFiles(ClientFiles&& other) noexcept;
  ClientFiles& operator=(ClientFiles&&) = delete;
  // Removes directories that were made for nothing.
  ~ClientFiles();

  // kInvalidArgument when one of `names` is there.
  dxl::Result<void> check_free(const std::vector<std::string>& names) const;
  // All files (0600) or, on failure, none.
  dxl::Result<void> write(const broker::FileSet& files) const;

 private:
  explicit ClientFiles(std::filesystem::path directory);

  std::filesystem::path directory_;
  int descriptor_ = -1;                      // of the directory, locked
  std::vector<std::filesystem::path> made_;  // with its parents, innermost first
};

// Both files or, on failure, neither; they may be links, and in different directories. Mode and
// owner stay.
struct NewText {
  std::filesystem::path file;
  std::string text;
};
dxl::Result<void> replace_both(const NewText& one, const NewText& other);

}  // namespace tiara::app
