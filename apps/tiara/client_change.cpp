#include "tiara/client_change.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "broker/keystore.hpp"
#include "broker/policy_succession.hpp"

namespace tiara::app {
namespace {

namespace fs = std::filesystem;
using dxl::ErrorCode;
using fabric::Thumbprints;

constexpr std::size_t kMaxBytes = 8192;  // of the file: four thumbprints and a path
constexpr std::array<std::size_t, 4> kDigits{40, 64, 40, 64};

// Four lines of thumbprints, new and old, empty ones if there is no old; then the path, which may
// hold anything.
std::string to_text(const ClientChange& change) {
  const Thumbprints old = change.old.value_or(Thumbprints{});
  return fmt::format("{}\n{}\n{}\n{}\n{}", change.now.sha1, change.now.sha256, old.sha1, old.sha256,
                     change.certificate.string());
}

std::optional<ClientChange> parse(std::string_view text) {
  std::array<std::string, 4> lines;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    lines[i] = text.substr(0, end);
    text.remove_prefix(end + 1);
    const bool is_absent = i >= 2 && lines[i].empty();
    if (!is_absent && (lines[i].size() != kDigits[i] ||
                       lines[i].find_first_not_of("0123456789abcdef") != std::string::npos))
      return std::nullopt;
  }
  if (lines[2].empty() != lines[3].empty() || !text.starts_with('/')) return std::nullopt;
  ClientChange change{fs::path(text), std::nullopt, {lines[0], lines[1]}};
  if (!lines[2].empty()) change.old = Thumbprints{lines[2], lines[3]};
  return change;
}

dxl::Result<ClientChange> read_change(const fs::path& file) {
  const auto text = broker::read_file(file, kMaxBytes);
  if (!text) return dxl::fail(text.error());
  auto change = parse(*text);
  if (change) return *std::move(change);
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: damaged; remove it, and compare `tiara auth list` with the "
                               "clients there are",
                               file.string()));
}

dxl::Result<void> remove_file(const fs::path& file) {
  std::error_code error;
  fs::remove(file, error);
  if (!error) return broker::sync_directory(file.parent_path());
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: cannot remove: {}", file.string(), error.message()));
}

// Whether the client has its new certificate, after what was begun with its files has been ended.
dxl::Result<bool> is_changed(const ClientChange& change) {
  const fs::path directory = change.certificate.parent_path();
  std::error_code error;
  if (!fs::is_directory(directory, error))
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{}: cannot be looked at{}{}", directory.string(),
                                 error ? ": " : "", error ? error.message() : ""));
  broker::discard_files(directory);
  if (auto finished = broker::finish_files(directory); !finished)
    return dxl::fail(finished.error());
  const auto found = broker::read_certificate(change.certificate);
  if (found) return found->thumbprints == change.now;
  if (fs::status(change.certificate, error).type() == fs::file_type::not_found) return false;
  return dxl::fail(found.error());
}

dxl::Result<void> leave_one(const broker::StatePaths& paths, const ClientChange& change,
                            bool changed) {
  const Thumbprints old = change.old.value_or(Thumbprints{});
  const Thumbprints& gone = changed ? old : change.now;
  if (gone != Thumbprints{}) {
    const auto done = broker::retire_certificate(paths.policy, gone, changed ? change.now : old);
    if (!done) return done;
  }
  return remove_file(paths.client_change);
}

}  // namespace

bool has_client_change(const broker::StatePaths& paths) {
  return broker::is_there(paths.client_change);
}

dxl::Result<void> clear_client_change(const broker::StatePaths& paths) {
  if (!has_client_change(paths)) return {};
  const auto change = read_change(paths.client_change);
  if (!change) return dxl::fail(change.error());
  return leave_one(paths, *change, is_changed(*change).value_or(true));
}

dxl::Result<void> finish_client_change(const broker::StatePaths& paths) {
  if (!has_client_change(paths)) return {};
  const auto change = read_change(paths.client_change);
  if (!change) return dxl::fail(change.error());
  const auto changed = is_changed(*change);
  if (!changed) return dxl::fail(changed.error());
  return leave_one(paths, *change, *changed);
}

dxl::Result<void> change_client(const broker::StatePaths& paths, const ClientChange& change,
                                const broker::FileSet& files,
                                const std::function<dxl::Result<void>()>& edit) {
  const fs::path directory = change.certificate.parent_path();
  std::error_code error;
  ClientChange noted = change;
  noted.certificate = fs::absolute(change.certificate, error).lexically_normal();
  if (error)
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{}: {}", change.certificate.string(), error.message()));
  if (auto done = broker::write_file_atomically(paths.client_change, to_text(noted)); !done)
    return done;
  auto done = broker::stage_files(directory, files);
  if (done) done = edit();
  if (done) done = broker::commit_files(directory);
  if (done) return leave_one(paths, noted, true);
  [[maybe_unused]] const auto undone = finish_client_change(paths);
  return done;
}

}  // namespace tiara::app
