// Reading a file that somebody else may have put there. A named pipe, a device or a directory in
// its place is refused instead of waited for, and so is one without end.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "dxl/result.hpp"

namespace tiara::base {

// All of it. kStorage "<file>: cannot <what>: <why>", kLimitExceeded when it is longer than
// `limit`.
dxl::Result<std::string> read_regular_file(const std::filesystem::path& file, std::size_t limit);

// As much of its beginning as `size` bytes.
dxl::Result<std::string> read_regular_head(const std::filesystem::path& file, std::size_t size);

}  // namespace tiara::base
