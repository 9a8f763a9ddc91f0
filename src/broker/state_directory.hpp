// The directory `tiara up --state DIR` keeps everything in, and the locks on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "dxl/result.hpp"

namespace tiara::broker {

// DIR/ (0700)
//   tiara.toml            settings, commented
//   broker-id             uuid without braces
//   keystore/             CAs and the broker's certificate (broker/keystore.hpp)
//   authorization.toml    groups and topic rules (broker/policy_file.hpp)
//   topicauth.policy      optional: the original broker's topic rules (broker/topicauth_file.hpp)
//   service/              the TIE service's certificate and key
//   clients/admin/        a provisioned client in every group
//   store/                RocksDB
//   admin.token           password of the management port's user `admin` (0600)
//   run/ports.json        {"mqtts":8883,"wss":8884,"https":8443}; run/control.sock (0600). May be a
//                         link (broker/run_directory.hpp)
//   client.change         while a client's certificate is replaced (apps/tiara/client_change.hpp)
//   keystore.lock         held for moments by whoever changes the keystore
//   lock                  held while a broker runs on the state
struct StatePaths {
  explicit StatePaths(std::filesystem::path directory);
  std::filesystem::path root, config, broker_id, keystore, policy, policy_lock, topicauth, service,
      admin_client, admin_token, store, run, ports, control, lock, keystore_lock, revocations,
      client_change;
};

// An advisory lock on a file, released by destruction or death of the process.
class FileLock {
 public:
  // kInUse with path (and the holder's pid if it can be read) when somebody has it; kStorage when
  // it cannot be opened.
  static dxl::Result<FileLock> try_acquire(const std::filesystem::path& file);
  // Waits; for short critical sections.
  static dxl::Result<FileLock> acquire(const std::filesystem::path& file);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

// False also when it cannot be told.
bool is_there(const std::filesystem::path& file);

// Creates `directory` and missing parents; a new one gets mode 0700, an existing one keeps its own.
dxl::Result<void> make_private_directory(const std::filesystem::path& directory);

// Writes `text` to a new file beside `file` with the given mode, syncs, renames, syncs the
// directory.
dxl::Result<void> write_file_atomically(const std::filesystem::path& file, const std::string& text,
                                        unsigned mode = 0600);
// What `file` stands for when it is a link: an operator's link to a file elsewhere stays, and that
// file is replaced. Only for files in the state, which nobody else may write to.
std::filesystem::path follow_link(const std::filesystem::path& file);
// Removes what killed programs left of write_file_atomically() in `directory`: temporary files of
// processes that are gone, an hour old or more (a process elsewhere may share the directory).
void remove_abandoned(const std::filesystem::path& directory);
// Makes renames and removals in it last.
dxl::Result<void> sync_directory(const std::filesystem::path& directory);
// Regular files only (base/regular_file.hpp): nothing put in place of a file of ours can hold us
// up.
dxl::Result<std::string> read_file(const std::filesystem::path& file,
                                   std::size_t limit = 16 * 1024 * 1024);

struct Ports {
  std::optional<std::uint16_t> mqtts{}, wss{}, https{};
};
dxl::Result<void> write_ports(const StatePaths& paths, const Ports& ports);
dxl::Result<Ports> read_ports(const StatePaths& paths);

}  // namespace tiara::broker
