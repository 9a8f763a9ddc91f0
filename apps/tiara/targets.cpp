#include "tiara/targets.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/regular_file.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

constexpr std::size_t kHeadBytes = 64 * 1024;

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

template <class DigestType>
dxl::Result<Target> digest_target(const std::string& argument,
                                  std::optional<DigestType> tie::FileHashes::*member) {
  auto digest = DigestType::parse(argument);
  if (!digest) return dxl::fail(digest.error());
  Target target{argument, std::nullopt, {}};
  target.hashes.*member = *digest;
  return target;
}

}  // namespace

std::string Target::file_name() const {
  return path ? std::filesystem::path(*path).filename().string() : std::string();
}

dxl::Result<Target> parse_target(const std::string& argument) {
  std::error_code ignored;
  if (std::filesystem::exists(argument, ignored)) {
    auto hashes = tie::hash_file(argument);
    if (!hashes) return dxl::fail(hashes.error());
    return Target{argument, argument, std::move(*hashes)};
  }
  if (is_hexadecimal(argument)) {
    switch (argument.size()) {
      case 2 * tie::Md5::kSize:
        return digest_target(argument, &tie::FileHashes::md5);
      case 2 * tie::Sha1::kSize:
        return digest_target(argument, &tie::FileHashes::sha1);
      case 2 * tie::Sha256::kSize:
        return digest_target(argument, &tie::FileHashes::sha256);
      default:
        break;
    }
  }
  return dxl::fail(
      ErrorCode::kInvalidArgument,
      fmt::format("{}: no such file, and not a digest of 32, 40 or 64 hexadecimal digits",
                  argument));
}

dxl::Result<tie::TrustLevel> parse_level(const std::string& text) {
  const auto level = tie::parse_trust_level(text);
  if (level && tie::is_known(*level)) return level;
  std::string known;
  for (const int number : {0, 1, 15, 30, 50, 70, 85, 99, 100})
    known += fmt::format("{}{} {}", known.empty() ? "" : ", ", number,
                         tie::to_string(static_cast<tie::TrustLevel>(number)));
  return dxl::fail(ErrorCode::kInvalidArgument,
                   fmt::format("{}: not a trust level; known are {}", text, known));
}

tie::FileType detect_type(const Target& target) {
  if (!target.path) return tie::FileType::kNone;
  const auto head = base::read_regular_head(*target.path, kHeadBytes);
  return tie::detect_file_type(head.value_or(""), target.file_name());
}

}  // namespace tiara::app
