// `tiara watch`.
#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <optional>

#include "tiara/commands.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/fabric.hpp"
#include "tiara/output.hpp"
#include "tiara/waiting.hpp"
#include "tie/client.hpp"
#include "tie/codec.hpp"

namespace tiara::app {

int run_watch(const CommonOptions& common, const WatchOptions& options) {
  const auto waiting = Waiting::create();
  if (!waiting) return report(waiting.error());
  const auto client = connect(common, true);
  if (!client) return report(client.error());
  tie::Client tie(**client, answer_timeout(common));

  // A subscription that may receive nothing is accepted all the same. A fabric that cannot tell is
  // no obstacle.
  const std::string topic(tie::kTopicFileChangeBroadcast);
  const auto permission = tie.may_receive(topic);
  if (permission && !permission->allowed)
    return report(not_authorised("receive from", topic, *permission));

  // The pool has one thread, so lines come in order and one at a time.
  std::atomic<std::uint64_t> seen{0};
  std::atomic<bool> done{false};
  const auto on_change = [&](const tie::FileReputationChange& change, const dxl::Event& event) {
    if (done) return;
    const std::string line = common.json ? change_json(change, event) : change_text(change);
    // A reader that went away ends the command, as it would end `cat`.
    const bool written = std::fputs((line + "\n").c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    ++seen;
    if (!written || (options.count != 0 && seen == options.count)) {
      done = true;
      (*waiting)->call();
    }
  };
  const auto subscription = tie.add_file_reputation_change_callback(on_change);
  if (!subscription) return report(subscription.error());
  fmt::print(stderr, "watching reputation changes\n");

  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (common.timeout) deadline = std::chrono::steady_clock::now() + *common.timeout;
  Waiting::Wake wake = Waiting::Wake::kReload;
  while (wake == Waiting::Wake::kReload) wake = (*waiting)->wait(deadline);
  // Ends the callbacks before what they refer to.
  const auto disconnected = (*client)->disconnect();
  if (!disconnected) return report(disconnected.error());
  if (wake != Waiting::Wake::kTimedOut || options.count == 0) return kExitOk;
  return report({dxl::ErrorCode::kTimedOut,
                 fmt::format("{} of {} changes seen in time", seen.load(), options.count)});
}

}  // namespace tiara::app
