// `tiara rep external`: the recommended workflow (TIE reference §6.3), with the outcome made
// visible.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "tiara/commands.hpp"
#include "tiara/each_target.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/fabric.hpp"
#include "tiara/output.hpp"
#include "tiara/targets.hpp"
#include "tie/client.hpp"
#include "tie/codec.hpp"
#include "tie/rules.hpp"

namespace tiara::app {
namespace {

using Outcome = ExternalResult::Outcome;

// The service commits within milliseconds; longer waits are for one that takes no more from us
// this second. An original service never answers this question.
constexpr std::chrono::seconds kPatience{5};

// The original sample's text, which users search for.
constexpr const char* kAbort =
    "There is a reputation from another provider for the file, External Reputation is not "
    "necessary.";

Outcome to_outcome(tie::ExternalOutcome::Kind kind) {
  switch (kind) {
    case tie::ExternalOutcome::Kind::kAccepted:
      return Outcome::kAccepted;
    case tie::ExternalOutcome::Kind::kUnchanged:
      return Outcome::kUnchanged;
    case tie::ExternalOutcome::Kind::kRefused:
      return Outcome::kRefused;
    case tie::ExternalOutcome::Kind::kNotSeen:
      return Outcome::kNotSeen;
    case tie::ExternalOutcome::Kind::kNoAnswer:
      return Outcome::kNoAnswer;
    case tie::ExternalOutcome::Kind::kCannotTell:
      break;
  }
  return Outcome::kCannotTell;
}

// The reason begins with the name of the refusal.
bool is_unauthorised(std::string_view reason) {
  return reason.starts_with(tie::to_string(tie::ReportRefusal::kUnauthorized));
}

class Reporter {
 public:
  Reporter(tie::Client& tie, const RepExternalOptions& options, tie::TrustLevel level,
           std::optional<tie::FileType> type, std::chrono::milliseconds patience)
      : tie_(tie), options_(options), level_(level), type_(type), patience_(patience) {}

  dxl::Result<TargetOutput> run(const Target& target) {
    ExternalResult result{
        Outcome::kCannotTell, level_, type_ ? *type_ : detect_type(target), {}, {}};
    if (!options_.force) {
      const auto known = tie_.get_file_reputation(target.hashes);
      if (!known) return dxl::fail(explain_refusal(tie_, tie::kTopicFileReputation, known.error()));
      if (const auto* definitive = known->find_verdict_of_others(tie::Provider::kExternal)) {
        result.outcome = Outcome::kAborted;
        result.reason = fmt::format("{} ({}: {})", kAbort, tie::to_string(definitive->provider),
                                    level_text(definitive->trust_level));
        return to_output(target, result, kExitNegative);
      }
    }
    const auto verified =
        tie_.report_and_verify({target.hashes, level_, result.type,
                                options_.filename.value_or(target.file_name()), options_.comment},
                               patience_);
    if (!verified) return dxl::fail(verified.error());
    if (!verified->permission.allowed)
      return dxl::fail(
          not_authorised("send to", std::string(tie::kTopicExternalReport), verified->permission));
    result.report = verified->report;
    if (verified->failure) {
      result.reason = explain_refusal(tie_, tie::kTopicReportOutcome, *verified->failure).message;
      return to_output(target, result, exit_code(verified->failure->code));
    }
    result.outcome = verified->verdict == tie::VerifiedReport::Verdict::kAccepted &&
                             verified->outcome.kind == tie::ExternalOutcome::Kind::kCannotTell
                         ? Outcome::kAccepted
                         : to_outcome(verified->outcome.kind);
    result.reason = verified->reason;
    return to_output(target, result, exit_code_of(result));
  }

 private:
  static int exit_code_of(const ExternalResult& result) {
    switch (result.outcome) {
      case Outcome::kNoAnswer:
        return kExitTimedOut;
      case Outcome::kRefused:
        return is_unauthorised(result.reason) ? kExitNotAuthorised : kExitNoEffect;
      case Outcome::kNotSeen:
        return kExitNoEffect;
      default:
        return kExitOk;
    }
  }

  static TargetOutput to_output(const Target& target, const ExternalResult& result, int code) {
    const std::string name = printable(target.argument);
    if (result.outcome == Outcome::kRefused)
      fmt::print(stderr, "tiara: {}: the report had no effect: {}\n", name,
                 printable(result.reason));
    else if (code != kExitOk && code != kExitNegative)
      fmt::print(
          stderr,
          "tiara: {}: the report may be lost: {}; `tiara rep get` shows whether it is there, "
          "else report again\n",
          name, printable(result.reason));
    else if (result.outcome == Outcome::kCannotTell)
      fmt::print(stderr, "tiara: {}: cannot tell what became of the report: {}\n", name,
                 printable(result.reason));
    return {code, external_text(target, result) + "\n", external_json(target, result)};
  }

  tie::Client& tie_;
  const RepExternalOptions& options_;
  tie::TrustLevel level_;
  std::optional<tie::FileType> type_;
  std::chrono::milliseconds patience_;
};

}  // namespace

int run_rep_external(const CommonOptions& common, const RepExternalOptions& options) {
  const auto level = parse_level(options.level);
  if (!level) return report(level.error());
  // The library's words for it, which are the original's, are those for a level that is missing.
  if (*level == tie::TrustLevel::kNotSet)
    return report({dxl::ErrorCode::kInvalidArgument,
                   "--level " + options.level + ": a report gives a level, and NOT_SET is none"});
  std::optional<tie::FileType> type;
  if (options.type) {
    const auto parsed = tie::parse_file_type(*options.type);
    if (!parsed) return report(parsed.error());
    type = *parsed;
  }
  const auto client = connect(common, false);
  if (!client) return report(client.error());
  tie::Client tie(**client, answer_timeout(common));

  const std::chrono::milliseconds patience =
      std::min(answer_timeout(common), std::chrono::milliseconds(kPatience));
  Reporter reporter(tie, options, *level, type, patience);
  return for_each_target(options.targets, common.json,
                         [&reporter](const Target& target) { return reporter.run(target); });
}

}  // namespace tiara::app
