// `tiara rep get` and `tiara rep set`.
#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <utility>

#include "tiara/commands.hpp"
#include "tiara/each_target.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/fabric.hpp"
#include "tiara/output.hpp"
#include "tiara/targets.hpp"
#include "tie/client.hpp"
#include "tie/codec.hpp"

namespace tiara::app {

int run_rep_get(const CommonOptions& common, const RepGetOptions& options) {
  const auto client = connect(common, false);
  if (!client) return report(client.error());
  tie::Client tie(**client, answer_timeout(common));
  return for_each_target(
      options.targets, common.json, [&](const Target& target) -> dxl::Result<TargetOutput> {
        const auto reputations = tie.get_file_reputation(target.hashes);
        if (!reputations)
          return dxl::fail(explain_refusal(tie, tie::kTopicFileReputation, reputations.error()));
        return TargetOutput{kExitOk, reputations_text(target, *reputations),
                            reputations_json(target, *reputations)};
      });
}

int run_rep_set(const CommonOptions& common, const RepSetOptions& options) {
  const auto level = parse_level(options.level);
  if (!level) return report(level.error());
  const auto client = connect(common, false);
  if (!client) return report(client.error());
  tie::Client tie(**client, answer_timeout(common));
  return for_each_target(
      options.targets, common.json, [&](const Target& target) -> dxl::Result<TargetOutput> {
        const std::string filename = options.filename.value_or(target.file_name());
        const auto done = tie.set_file_reputation(*level, target.hashes, filename, options.comment);
        if (!done)
          return dxl::fail(explain_refusal(tie, tie::kTopicFileReputationSet, done.error()));
        return TargetOutput{kExitOk,
                            fmt::format("{}: Enterprise reputation set to {}\n",
                                        printable(target.argument), level_text(*level)),
                            set_json(target, *level)};
      });
}

}  // namespace tiara::app
