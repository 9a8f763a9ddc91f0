// What TIE asks about a file on disk, read in one pass: digests, size, name and type.
#pragma once

#include <cstdint>
#include <string>

#include "dxl/result.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

struct FileFacts {
  FileHashes hashes;       // all three
  std::uint64_t size = 0;  // of what was hashed
  std::string name;        // without directories
  FileType type = FileType::kNone;
  friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

// Errors as of hash_file(). The type is that of detect_file_type() for the first bytes.
dxl::Result<FileFacts> examine_file(const std::string& path);

}  // namespace tie
#pragma GCC visibility pop
