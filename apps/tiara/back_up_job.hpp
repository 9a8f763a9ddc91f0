// Back-ups of a running service, asked for on the control socket. One at a time, on a thread of its
// own: the socket's thread goes on answering meanwhile.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "dxl/result.hpp"

namespace tiara::app {

inline constexpr std::string_view kBackUpCommand = "backup ";  // and an absolute directory
inline constexpr std::string_view kBackUpStateCommand = "backup-state";

class BackUpJob {
 public:
  using Work = std::function<dxl::Result<void>(const std::filesystem::path& directory)>;
  explicit BackUpJob(Work work) : work_(std::move(work)) {}
  ~BackUpJob();  // waits for the back-up under way

  // The answer to one of the commands above; nullopt: it is none of them. "backup DIR" begins one
  // and answers at once, kInUse while there is another; "backup-state" answers
  // {"running":true|false}, or the last one's error. One thread at a time.
  std::optional<dxl::Result<std::string>> answer(const std::string& command);

 private:
  dxl::Result<std::string> start(const std::filesystem::path& directory);
  dxl::Result<std::string> state() const;

  Work work_;
  mutable std::mutex mutex_;
  bool running_ = false;
  std::optional<dxl::Error> error_;  // of the last one
  std::thread thread_;
};

}  // namespace tiara::app
