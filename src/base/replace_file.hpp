// Writing a file so that whoever reads it finds the old text or the new one, never a part.
#pragma once

#include <filesystem>
#include <string_view>

#include "dxl/result.hpp"

namespace tiara::base {

// Writes a new file beside it, mode 0600, syncs it and puts it in the place of `file`. A symbolic
// link stays one: what it leads to is replaced. kStorage names file, step and reason; the old file
// is untouched then.
dxl::Result<void> replace_private_file(const std::filesystem::path& file, std::string_view text);

}  // namespace tiara::base
