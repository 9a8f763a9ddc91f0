// The revocation list of a broker: STATE/keystore/revokedcerts.lst and what the CRLs say, kept in
// step with the file by a thread of its own, so that no I/O thread waits for a disk.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dxl/result.hpp"
#include "fabric/revocation.hpp"
#include "net/stream.hpp"

namespace tiara::broker {

class Revocations {
 public:
  // Reads `file`; one that is missing is an empty list. Writing, it holds `lock`, which others that
  // edit the file hold too.
  static dxl::Result<std::shared_ptr<Revocations>> open(std::filesystem::path file,
                                                        std::filesystem::path lock);
  ~Revocations();  // saves what is not saved yet

  // Any thread, at once. What is added holds from then on for list() and is_revoked(); within a
  // second or so it is on the disk, and the log says so. A failed write is tried again.
  void add(std::vector<std::string> thumbprints);
  // Any thread but the broker's: reads the file anew and takes these names of the CRLs. A broken
  // file is an error and changes nothing.
  dxl::Result<void> reload(std::vector<std::string> issuer_serials);
  fabric::RevocationList list() const;
  bool is_revoked(const net::PeerCertificate& certificate) const;

  // Called with every new list, on this object's thread. Replaces the listener, and returns when
  // the one before runs no more; null: none.
  using Listener = std::function<void(const fabric::RevocationList&)>;
  void set_listener(Listener listener);

 private:
  struct Impl;
  explicit Revocations(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The thumbprints in the file; none when there is no file.
dxl::Result<std::vector<std::string>> read_revocations(const std::filesystem::path& file);
// Adds thumbprints to the file; the caller holds its lock. Comments and what else is there stay.
dxl::Result<void> append_revocations(const std::filesystem::path& file,
                                     const std::vector<std::string>& thumbprints);

}  // namespace tiara::broker
