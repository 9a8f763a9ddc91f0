// STATE/run/control.sock: one line in, one line of JSON out. `reload` answers after the new policy
// is in force; `status` answers with counters. Only the owner may open it (0600).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "dxl/result.hpp"

namespace tiara::broker {

class ControlServer {
 public:
  // Serves on a thread of its own; `handle` gets the command word and returns the JSON text or an
  // error, there.
  using Handler = std::function<dxl::Result<std::string>(const std::string& command)>;
  static dxl::Result<std::unique_ptr<ControlServer>> start(const std::filesystem::path& socket,
                                                           Handler handle);
  ~ControlServer();

 private:
  struct Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Sends `command` and waits for the answer. kConnect: nobody listens (no broker runs on this
// state).
dxl::Result<std::string> control(const std::filesystem::path& socket, const std::string& command,
                                 std::chrono::milliseconds timeout = std::chrono::seconds(10));

}  // namespace tiara::broker
