#include "tiara/back_up_job.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/log.hpp"
#include "base/printable.hpp"

namespace tiara::app {

using base::LogLevel;
using dxl::ErrorCode;

BackUpJob::~BackUpJob() {
  if (thread_.joinable()) thread_.join();
}

std::optional<dxl::Result<std::string>> BackUpJob::answer(const std::string& command) {
  if (command == kBackUpStateCommand) return state();
  if (!command.starts_with(kBackUpCommand)) return std::nullopt;
  return start(command.substr(kBackUpCommand.size()));
}

dxl::Result<std::string> BackUpJob::start(const std::filesystem::path& directory) {
  if (!directory.is_absolute())
    return dxl::fail(ErrorCode::kInvalidArgument, "backup: expected an absolute directory");
  {
    const std::lock_guard guard(mutex_);
    if (running_) return dxl::fail(ErrorCode::kInUse, "another back-up is under way");
    running_ = true;
    error_.reset();
  }
  if (thread_.joinable()) thread_.join();  // it is through
  thread_ = std::thread([this, directory] {
    auto done = work_(directory);
    if (done)
      base::log_event(LogLevel::kInfo, "tie", "store.backed_up", "",
                      {{"directory", directory.string()}},
                      fmt::format("the store is backed up in {}", directory.string()));
    else
      base::log_event(LogLevel::kError, "tie", "store.backup_failed", "",
                      {{"directory", directory.string()}},
                      fmt::format("no back-up: {}", done.error().message));
    const std::lock_guard guard(mutex_);
    running_ = false;
    if (!done) error_ = done.error();
  });
  return std::string("{\"running\":true}");
}

dxl::Result<std::string> BackUpJob::state() const {
  const std::lock_guard guard(mutex_);
  if (error_) return dxl::fail(*error_);
  return std::string(running_ ? "{\"running\":true}" : "{\"running\":false}");
}

}  // namespace tiara::app
