// `tiara store`: checking, shrinking, upgrading, backing up and restoring a store.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/printable.hpp"
#include "broker/control.hpp"
#include "broker/state_directory.hpp"
#include "store/maintenance.hpp"
#include "store/presence.hpp"
#include "store/reputation_store.hpp"
#include "tiara/back_up_job.hpp"
#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/status.hpp"

namespace tiara::app {

using dxl::ErrorCode;

dxl::Result<void> check_store_is_there(const StorePlace& place) {
  const auto found = store::check_not_broken(place.directory());
  if (!found) return dxl::fail(found.error());
  if (*found == store::Presence::kThere) return {};
  return dxl::fail(ErrorCode::kStorage,
                   fmt::format("{}: no store there{}", place.directory().string(),
                               place.state.empty() ? "" : "; one elsewhere is named by --store"));
}

namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kBetweenLooks{100};

// For people at a terminal only.
class ProgressLine {
 public:
  explicit ProgressLine(const char* what) : what_(what), shown_(::isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (shown_ && begun_) fmt::print(stderr, "\r\x1b[K");
  }
  store::Progress report() {
    if (!shown_) return {};
    return [this](std::uint64_t done, std::uint64_t about) {
      begun_ = true;
      const std::uint64_t percent =
          about == 0 ? 0 : std::min<std::uint64_t>(100, done * 100 / about);
      fmt::print(stderr, "\r{}: {} of about {} ({} %)\x1b[K", what_, done, std::max(done, about),
                 percent);
      std::fflush(stderr);
    };
  }

 private:
  const char* what_;
  bool shown_, begun_ = false;
};

int verify(const CommonOptions& common, const StoreOptions& options) {
  ProgressLine line("verify");
  const auto report = store::verify_store(options.place.directory(), line.report());
  if (!report) return app::report(report.error());
  if (common.json) {
    Json json{{"files", report->files},
              {"certificates", report->certificates},
              {"pointers", report->pointers},
              {"references", report->references},
              {"overrides", report->overrides},
              {"updates", report->updates},
              {"names", report->names},
              {"auditHead", audit_head_text(report->audit)},
              {"problemCount", report->problem_count},
              {"problems", report->problems}};
    fmt::print("{}\n",
               base::printable_json(json.dump(-1, ' ', false, Json::error_handler_t::replace)));
  } else {
    fmt::print(
        "files {}\ncertificates {}\npointers {}\nreferences {}\noverrides {}\nupdates {}\n"
        "names {}\naudit {}\nproblems {}\n",
        report->files, report->certificates, report->pointers, report->references,
        report->overrides, report->updates, report->names, audit_head_text(report->audit),
        report->problem_count);
    for (const std::string& problem : report->problems)
      fmt::print("{}\n", base::printable(problem));
  }
  return report->problem_count == 0 ? kExitOk : kExitNegative;
}

int compact(const CommonOptions& common, const StoreOptions& options) {
  ProgressLine line("compact");
  const auto report = store::compact_store(options.place.directory(), line.report());
  if (!report) return app::report(report.error());
  fmt::print(fmt::runtime(common.json ? "{{\"bytesBefore\":{},\"bytesAfter\":{}}}\n"
                                      : "bytes before {}\nbytes after {}\n"),
             report->bytes_before, report->bytes_after);
  return kExitOk;
}

int migrate(const CommonOptions& common, const StoreOptions& options) {
  ProgressLine line("migrate");
  const auto report = store::migrate_store(options.place.directory(), line.report());
  if (!report) return app::report(report.error());
  fmt::print(fmt::runtime(common.json ? "{{\"fromFormat\":{},\"toFormat\":{},\"rewritten\":{}}}\n"
                                      : "from format {}\nto format {}\nrecords rewritten {}\n"),
             report->from_format, report->to_format, report->rewritten);
  return kExitOk;
}

int recover(const CommonOptions& common, const StoreOptions& options) {
  const auto report = store::recover_store(options.place.directory());
  if (!report) return app::report(report.error());
  const bool damaged = !report->damage.empty();
  if (damaged) {
    fmt::print(stderr,
               "tiara: {}\n"
               "tiara: what is behind that in the log has been given up, acknowledged changes "
               "perhaps among it; part of it cannot be read, so there may have been more than was "
               "seen; if you have a back-up, prefer it\n",
               base::printable(report->damage));
  }
  if (common.json) {
    const Json json{{"damaged", damaged},
                    {"changeId", report->change_id},
                    {"changeIdSeen", report->change_id_seen},
                    {"auditHead", audit_head_text(report->audit)},
                    {"auditSeen", report->audit_seen}};
    fmt::print("{}\n", json.dump());
    return kExitOk;
  }
  const char* const more = damaged ? " or more: part of it is unreadable" : "";
  fmt::print(
      "damaged {0}\nlast change id {1}, seen in the log {2}{6}\nlast audit entry {3}, seen in the "
      "log {4}{6}\naudit {5}\n",
      damaged ? "yes" : "no", report->change_id, report->change_id_seen, report->audit.count,
      report->audit_seen, audit_head_text(report->audit), more);
  return kExitOk;
}

// Has the server of a state do it. False: none runs there.
dxl::Result<bool> back_up_online(const std::filesystem::path& control,
                                 const std::filesystem::path& directory) {
  const auto started = broker::control(control, std::string(kBackUpCommand) + directory.string());
  if (!started && started.error().code == ErrorCode::kConnect) return false;
  if (!started) return dxl::fail(started.error());
  while (true) {
    const auto state = broker::control(control, std::string(kBackUpStateCommand));
    if (!state && state.error().code == ErrorCode::kConnect)
      return dxl::fail(ErrorCode::kUnavailable,
                       "the server ended while it made the back-up; ask `tiara store list` whether "
                       "it is there");
    if (!state) return dxl::fail(state.error());
    if (state->find("true") == std::string::npos) return true;
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

// A directory of its own in the state is fine: under systemd the service may write nowhere else.
dxl::Result<void> check_not_part_of_state(const StorePlace& place,
                                          const std::filesystem::path& directory) {
  if (place.state.empty()) return {};
  const broker::StatePaths paths(place.state);
  for (const auto& part :
       {paths.store, paths.keystore, paths.service, paths.admin_client.parent_path(), paths.run})
    if (store::is_within(directory, part))
      return dxl::fail(ErrorCode::kStorage,
                       fmt::format("{}: is in {}, which belongs to the state; choose a directory "
                                   "of its own for back-ups",
                                   directory.string(), part.string()));
  return {};
}

dxl::Result<void> back_up(const StorePlace& place, const std::filesystem::path& directory) {
  if (auto apart = check_not_part_of_state(place, directory); !apart) return apart;
  if (!place.state.empty()) {
    const auto done = back_up_online(broker::StatePaths(place.state).control, directory);
    if (!done) return dxl::fail(done.error());
    if (*done) return {};
  }
  if (auto there = check_store_is_there(place); !there) return there;
  store::RocksOptions rocks;
  rocks.directory = place.directory();
  const auto opened = store::open_rocks_store(rocks);
  if (!opened) return dxl::fail(opened.error());
  return (*opened)->back_up(directory);
}

std::string time_text(std::int64_t time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time)));
}

void print_back_ups(const CommonOptions& common, const std::vector<store::BackUp>& found) {
  for (const store::BackUp& each : found)
    fmt::print(fmt::runtime(common.json ? "{{\"number\":{},\"time\":\"{}\",\"bytes\":{}}}\n"
                                        : "{} {} {} bytes\n"),
               each.number, time_text(each.time), each.bytes);
}

int backup(const CommonOptions& common, const StoreOptions& options) {
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::absolute(options.back_ups, error);
  if (error || directory.string().find('\n') != std::string::npos)
    return report({ErrorCode::kInvalidArgument, "the directory's name cannot be used", 0});
  if (auto done = back_up(options.place, directory); !done) return report(done.error());
  const auto found = store::list_back_ups(directory);
  if (!found) return report(found.error());
  if (!found->empty()) print_back_ups(common, {found->back()});
  return kExitOk;
}

int list(const CommonOptions& common, const StoreOptions& options) {
  const auto found = store::list_back_ups(options.back_ups);
  if (!found) return report(found.error());
  print_back_ups(common, *found);
  return kExitOk;
}

// A server that runs without this store would find it changed under it, or begin with it unasked.
int restore(const CommonOptions& common, const StoreOptions& options) {
  std::optional<broker::FileLock> lock;
  if (!options.place.state.empty()) {
    const broker::StatePaths paths(options.place.state);
    if (auto made = broker::make_private_directory(paths.root); !made) return report(made.error());
    auto held = broker::FileLock::try_acquire(paths.lock);
    if (!held) return report(held.error());
    lock.emplace(*std::move(held));
  }
  const auto done =
      store::restore_store(options.back_ups, options.number, options.place.directory());
  if (!done) return report(done.error());
  const std::string where = options.place.directory().string();
  if (common.json)
    fmt::print("{}\n", base::printable_json(Json{{"number", *done}, {"store", where}}.dump(
                           -1, ' ', false, Json::error_handler_t::replace)));
  else
    fmt::print("restored back-up {} to {}\n", *done, base::printable(where));
  return kExitOk;
}

}  // namespace

int run_store(const CommonOptions& common, const StoreOptions& options) {
  using Action = StoreOptions::Action;
  ::umask(077);
  switch (options.action) {
    case Action::kVerify:
    case Action::kCompact:
    case Action::kMigrate:
    case Action::kRecover: {
      if (auto there = check_store_is_there(options.place); !there) return report(there.error());
      if (options.action == Action::kVerify) return verify(common, options);
      if (options.action == Action::kRecover) return recover(common, options);
      return options.action == Action::kCompact ? compact(common, options)
                                                : migrate(common, options);
    }
    case Action::kBackUp:
      return backup(common, options);
    case Action::kRestore:
      return restore(common, options);
    case Action::kList:
      return list(common, options);
  }
  return kExitUsage;
}

}  // namespace tiara::app
