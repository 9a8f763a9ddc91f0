// Digests as distinct types, and the set of them that names a file.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"

#pragma GCC visibility push(default)
namespace tie {

// A digest of N bytes. Hexadecimal exists only at the edge: parse() and to_hex().
template <class Tag, std::size_t N>
struct Digest {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> bytes{};

  // Exactly 2N hexadecimal digits of either case, else kInvalidArgument naming the type and the
  // length found.
  static dxl::Result<Digest> parse(std::string_view hex);
  // Exactly N raw bytes, else nullopt.
  static std::optional<Digest> from_bytes(std::string_view raw);
  std::string to_hex() const;
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), N}; }

  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

struct Md5Tag {
  static constexpr std::string_view kName = "md5";
};
struct Sha1Tag {
  static constexpr std::string_view kName = "sha1";
};
struct Sha256Tag {
  static constexpr std::string_view kName = "sha256";
};
using Md5 = Digest<Md5Tag, 16>;
using Sha1 = Digest<Sha1Tag, 20>;
using Sha256 = Digest<Sha256Tag, 32>;

// What is known of one file's digests; at least one to be usable. Give all three when you can (TIE
// reference §6.10).
struct FileHashes {
  std::optional<Md5> md5{};
  std::optional<Sha1> sha1{};
  std::optional<Sha256> sha256{};
  bool empty() const { return !md5 && !sha1 && !sha256; }
  friend bool operator==(const FileHashes&, const FileHashes&) = default;
};

// All three digests of a file's content, read in blocks. kInvalidArgument if it cannot be opened or
// read (a directory, no permission), with path and reason.
dxl::Result<FileHashes> hash_file(const std::string& path);

}  // namespace tie
#pragma GCC visibility pop
